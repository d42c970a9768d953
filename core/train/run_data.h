#pragma once

#include <memory>

#include "core/data/dataset.h"
#include "core/graph/project.h"

namespace nw::train {

/// The data of one run. Null: there is none of that kind.
struct RunData {
  std::shared_ptr<const data::Dataset> train;
  std::shared_ptr<const data::Dataset> validation;  // held back from the training samples
  std::shared_ptr<const data::Dataset> test;
};

int64_t size_of(const std::shared_ptr<const data::Dataset>& dataset);

/// Describes the samples of a run without reading them. Throws Error where the data set that the
/// settings name cannot be had.
data::Signature signature_of(const graph::RunSettings& run);

/// Reads the data and holds back the share to validate on, drawn from the run's seed alone. Throws
/// Error with a remedy where a batch cannot be filled.
RunData load_data(const graph::RunSettings& run);

}  // namespace nw::train
