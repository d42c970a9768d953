#include <algorithm>
#include <map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/io/torch_file.h"

namespace nw::io {
namespace {

using namespace pickle;

constexpr const char* kSaveStateDict = "Save one with torch.save(model.state_dict(), file)";

const std::string& text_of(const Value& value) {
  return *value.as<std::string>();
}

/// The first pair that a state_dict cannot have; the end when there is none.
auto first_misfit(const Dict& dict) {
  return std::find_if(dict.items.begin(), dict.items.end(), [](const auto& item) {
    return item.first->template as<std::string>() == nullptr ||
           item.second->template as<TensorView>() == nullptr;
  });
}

bool is_state(const Value& value) {
  const Dict* dict = value.as<Dict>();
  return dict != nullptr && first_misfit(*dict) == dict->items.end();
}

/// "epoch (an integer), net (a dict) …", at most a few.
std::string list_members(const Dict& dict) {
  constexpr size_t kMost = 5;
  std::string text;
  for (size_t i = 0; i < dict.items.size() && i < kMost; ++i) {
    const auto& [key, value] = dict.items[i];
    const auto* name = key->as<std::string>();
    text += concat(i == 0 ? "" : ", ", name != nullptr ? *name : std::string(kind_of(*key)), " (",
                   kind_of(*value), ")");
  }
  return text + (dict.items.size() > kMost ? " …" : "");
}

const Dict& find_state(const Value& top, const std::string& place) {
  const Dict* dict = top.as<Dict>();
  NW_CHECK(dict != nullptr, "[", place, "] expects a state_dict, finds ", kind_of(top), ". ",
           kSaveStateDict);
  if (is_state(top)) return *dict;
  std::vector<const Dict*> found;
  std::string names;
  for (const auto& [key, value] : dict->items) {
    const auto* name = key->as<std::string>();
    const Dict* member = value->as<Dict>();
    if (name == nullptr || member == nullptr || member->items.empty() || !is_state(*value))
      continue;
    names += (found.empty() ? "" : ", ") + *name;
    found.push_back(member);
  }
  NW_CHECK(!found.empty(), "[", place, "] expects a state_dict, finds a dict with ",
           list_members(*dict), ". ", kSaveStateDict);
  NW_CHECK(found.size() == 1, "[", place, "] expects one state_dict, finds ", found.size(), " (",
           names, "). Save the one that you want on its own");
  return *found[0];
}

Dims dims_of(const Value& value) {
  Dims dims;
  for (const Value* item : value.as<Tuple>()->items) {
    const auto* size = item->as<int64_t>();
    NW_CHECK(size != nullptr, "its sizes hold ", kind_of(*item));
    dims.push_back(*size);
  }
  return dims;
}

/// Makes the views and fetches each storage once.
class Builder {
 public:
  explicit Builder(const FetchStorage& fetch) : fetch_(fetch) {}

  Tensor view(const TensorView& view) {
    const Dims sizes = dims_of(*view.sizes);
    const Dims strides = dims_of(*view.strides);
    NW_CHECK(sizes.size() == strides.size(), "it has ", sizes.size(), " sizes and ", strides.size(),
             " strides");
    const auto& storage = *view.storage->as<Storage>();
    const Tensor& memory = fetch(storage);
    return Tensor(memory.storage(), sizes, strides, view.offset, storage.dtype);
  }

 private:
  const Tensor& fetch(const Storage& storage) {
    const std::string& key = text_of(*storage.key);
    const auto it = fetched_.find(key);
    if (it == fetched_.end()) return fetched_.emplace(key, fetch_(storage)).first->second;
    NW_CHECK(it->second.dtype() == storage.dtype && it->second.numel() == storage.numel,
             "its storage '", key, "' is described in two ways");
    return it->second;
  }

  const FetchStorage& fetch_;
  std::map<std::string, Tensor> fetched_;
};

/// `_metadata`: module path -> {'version': n}. What is not of that form says nothing to us.
std::vector<std::pair<std::string, int>> versions_of(const Dict& state) {
  std::vector<std::pair<std::string, int>> versions;
  if (state.attributes == nullptr) return versions;
  for (const auto& [name, metadata] : state.attributes->as<Dict>()->items) {
    const auto* text = name->as<std::string>();
    if (text == nullptr || *text != "_metadata" || metadata->as<Dict>() == nullptr) continue;
    for (const auto& [path, about] : metadata->as<Dict>()->items) {
      if (path->as<std::string>() == nullptr || about->as<Dict>() == nullptr) continue;
      for (const auto& [key, value] : about->as<Dict>()->items) {
        const auto* word = key->as<std::string>();
        const auto* version = value->as<int64_t>();
        if (word == nullptr || *word != "version" || version == nullptr) continue;
        versions.emplace_back(text_of(*path), static_cast<int>(*version));
      }
    }
  }
  return versions;
}

}  // namespace

nn::StateDict state_from_pickle(const Value& top, const std::string& place,
                                const FetchStorage& fetch) {
  const Dict& dict = find_state(top, place);
  nn::StateDict state;
  Builder builder(fetch);
  std::unordered_set<std::string> seen;
  for (const auto& [key, value] : dict.items) {
    const std::string& name = text_of(*key);
    NW_CHECK(seen.insert(name).second, "[", place, "] is damaged: it has two tensors called '",
             name, "'. Export it again");
    try {
      state.entries.push_back({name, builder.view(*value->as<TensorView>())});
    } catch (const Error& error) {
      throw Error(concat("[", place, "] tensor '", name, "' cannot be read: ", error.text()));
    }
  }
  state.versions = versions_of(dict);
  return state;
}

namespace {

/// Copies what a pickle made into a tree of plain values.
class TreeBuilder {
 public:
  TreeBuilder(std::string place, const FetchStorage& fetch)
      : place_(std::move(place)), builder_(fetch) {}

  SavedValue build(const Value& value, int depth = 0) {
    NW_CHECK(depth < kDeepest && ++count_ < kMostValues, "[", place_,
             "] nests its values too deep, or in a circle. Save the state_dict alone");
    return std::visit([&](const auto& data) { return make(data, depth); }, value.data);
  }

 private:
  static constexpr int kDeepest = 100;
  static constexpr int64_t kMostValues = 1'000'000;

  SavedValue make(const pickle::None&, int) { return {}; }
  SavedValue make(bool value, int) { return {value}; }
  SavedValue make(int64_t value, int) { return {value}; }
  SavedValue make(double value, int) { return {value}; }
  SavedValue make(const std::string& text, int) { return {text}; }
  SavedValue make(const Bytes& bytes, int) { return {bytes.bytes}; }
  SavedValue make(const Global& global, int) { return {global.name}; }  // torch.float32
  SavedValue make(const Long&, int) { refuse("an integer of more than 64 bits"); }
  SavedValue make(const Storage&, int) { refuse("a storage without a tensor"); }
  SavedValue make(const Other& other, int) { refuse(other.kind); }
  SavedValue make(const Tuple& tuple, int depth) { return {SavedTuple{items(tuple.items, depth)}}; }
  SavedValue make(const List& list, int depth) { return {SavedList{items(list.items, depth)}}; }
  SavedValue make(const Dict& dict, int depth) {
    SavedDict out;
    out.ordered = dict.attributes != nullptr;
    out.versions = versions_of(dict);
    for (const auto& [key, item] : dict.items) {
      if (key->as<std::string>() == nullptr && key->as<int64_t>() == nullptr) {
        refuse(concat("a dict whose keys are ", kind_of(*key)));
      }
      out.items.emplace_back(build(*key, depth + 1), build(*item, depth + 1));
    }
    return {std::move(out)};
  }
  SavedValue make(const TensorView& view, int) {
    try {
      return {builder_.view(view)};
    } catch (const Error& error) {
      throw Error(concat("[", place_, "] a tensor cannot be read: ", error.text()));
    }
  }

  std::vector<SavedValue> items(const std::vector<Value*>& values, int depth) {
    std::vector<SavedValue> out;
    for (const Value* value : values) out.push_back(build(*value, depth + 1));
    return out;
  }

  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(concat("[", place_, "] holds ", what, ", which training does not need. Save the ",
                       "state_dict alone"));
  }

  std::string place_;
  Builder builder_;
  int64_t count_ = 0;
};

}  // namespace

SavedValue value_from_pickle(const Value& top, const std::string& place,
                             const FetchStorage& fetch) {
  return TreeBuilder(place, fetch).build(top);
}

void fill_storage(const Tensor& tensor, const std::function<void(void*)>& read) {
  if (tensor.numel() == 0) return;
  read(tensor.raw());
  if (tensor.dtype() != DType::Bool) return;
  auto* bytes = static_cast<uint8_t*>(tensor.raw());
  // Any other bit pattern would not be a bool in C++.
  std::transform(bytes, bytes + tensor.numel(), bytes,
                 [](uint8_t byte) { return static_cast<uint8_t>(byte != 0); });
}

}  // namespace nw::io
