#include "core/io/saved_value.h"

#include <algorithm>

#include "core/base/error.h"

namespace nw::io {

const SavedValue* SavedDict::find(std::string_view key) const {
  const auto it = std::find_if(items.begin(), items.end(), [&](const auto& item) {
    const auto* text = item.first.template as<std::string>();
    return text != nullptr && *text == key;
  });
  return it == items.end() ? nullptr : &it->second;
}

const SavedValue* SavedDict::find(int64_t key) const {
  const auto it = std::find_if(items.begin(), items.end(), [&](const auto& item) {
    const auto* number = item.first.template as<int64_t>();
    return number != nullptr && *number == key;
  });
  return it == items.end() ? nullptr : &it->second;
}

void SavedDict::set(std::string key, SavedValue value) {
  items.emplace_back(SavedValue{std::move(key)}, std::move(value));
}

SavedValue to_saved(const nn::StateDict& state) {
  SavedDict dict;
  dict.ordered = true;
  dict.versions = state.versions;
  for (const auto& [key, tensor] : state.entries) dict.set(key, {tensor});
  return {std::move(dict)};
}

nn::StateDict to_state(const SavedValue& value, std::string_view what) {
  const auto* dict = value.as<SavedDict>();
  NW_CHECK(dict != nullptr, what, " is no state_dict");
  nn::StateDict state;
  state.versions = dict->versions;
  for (const auto& [key, item] : dict->items) {
    const auto* name = key.as<std::string>();
    const auto* tensor = item.as<Tensor>();
    NW_CHECK(name != nullptr && tensor != nullptr, what, " is no state_dict: it holds more than ",
             "names and tensors");
    state.entries.push_back({*name, *tensor});
  }
  return state;
}

}  // namespace nw::io
