#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/data/dataset.h"

namespace nw::data {

/// Numbers of all samples in a row, as they lie in memory. Bytes become value / 255 when read, as
/// torchvision's ToTensor makes them; floats are taken as they are.
struct Samples {
  Dims sizes;  // of one sample
  std::vector<uint8_t> bytes;
  std::vector<float> floats;  // used when `bytes` is empty
};

/// Targets of all samples: class indices when `classes` is set, else values.
struct Targets {
  std::vector<int64_t> labels;
  std::vector<float> values;
  Dims sizes;  // of one value; empty for labels
  int64_t classes = 0;
  std::vector<std::string> class_names;
};

/// A data set that is wholly in memory. `samples` and `targets` must have the same count, at least
/// one.
std::shared_ptr<const Dataset> memory_dataset(Samples samples, Targets targets);

}  // namespace nw::data
