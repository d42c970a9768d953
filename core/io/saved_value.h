#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/nn/state_dict.h"

namespace nw::io {

struct SavedValue;

struct SavedList {
  std::vector<SavedValue> items;
};
struct SavedTuple {
  std::vector<SavedValue> items;
};
/// A dict in its order; keys are texts or integers.
struct SavedDict {
  std::vector<std::pair<SavedValue, SavedValue>> items;
  bool ordered = false;  // a collections.OrderedDict
  /// Of a state_dict: its `_metadata`.
  std::vector<std::pair<std::string, int>> versions;

  /// Null when there is no such key.
  const SavedValue* find(std::string_view key) const;
  const SavedValue* find(int64_t key) const;
  void set(std::string key, SavedValue value);
};

/// What a file of torch.save holds: a tree of plain Python values and tensors. Value type; tensors
/// share their numbers.
struct SavedValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, Tensor, SavedList, SavedTuple,
               SavedDict>
      data = {};

  /// Null when it is something else.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
};

/// An OrderedDict of tensors, as torch saves a state_dict.
SavedValue to_saved(const nn::StateDict& state);
/// The inverse; throws Error naming `what` for anything but a dict from texts to tensors.
nn::StateDict to_state(const SavedValue& value, std::string_view what);

/// Writes the value as torch.save does, atomically. torch.load(weights_only=True) of 1.13 and later
/// reads it; 1.13 only if there are no real numbers outside tensors, which it refuses in its own
/// files, too. Throws Error naming the file.
void save_value(const SavedValue& value, const std::string& path);
/// Reads a file of torch.save, of today's zip form or from before 1.6. Throws Error naming file,
/// place and remedy for what is damaged, or anything but data.
SavedValue load_value(const std::string& path);

}  // namespace nw::io
