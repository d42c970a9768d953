#pragma once

#include "core/data/dataset.h"

namespace nw::data {

/// The sources of data, one description each; core/data/register_datasets.cpp lists them.
const DatasetSpec& fashion_mnist();
const DatasetSpec& idx_files();
const DatasetSpec& two_moons();
const DatasetSpec& spirals();
const DatasetSpec& circles();
const DatasetSpec& exclusive_or();
const DatasetSpec& noisy_sine();

/// `args` with the defaults filled in; throws Error with the first thing that is wrong with them.
nn::Args checked(const nn::Description& description, const nn::Args& args);

}  // namespace nw::data
