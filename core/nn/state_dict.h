#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::nn {

/// Names and tensors of a model in registration order, with torch's `_metadata` versions.
struct StateDict {
  struct Entry {
    std::string key;
    Tensor tensor;
  };
  std::vector<Entry> entries;
  /// Module path ("" is the root) -> version.
  std::vector<std::pair<std::string, int>> versions;

  /// Null when there is none.
  const Tensor* find(std::string_view key) const;
};

/// What load_state_dict could not place.
struct LoadReport {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> mismatched;  // "fc.weight: expects 10×84, gets 10×80"

  bool ok() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
  /// One line for each, ready to show; empty when ok.
  std::string text() const;
};

}  // namespace nw::nn
