#include "core/io/saved_optimizer.h"

#include "core/base/error.h"

namespace nw::io {
namespace {

SavedValue value_of(const optim::StateValue& value);

struct ToSaved {
  SavedValue operator()(nn::None) const { return {}; }
  SavedValue operator()(const optim::StateValue::List& list) const {
    SavedTuple tuple;
    for (const optim::StateValue& item : list) tuple.items.push_back(value_of(item));
    return {std::move(tuple)};
  }
  template <typename T>
  SavedValue operator()(const T& plain) const {
    return {plain};
  }
};

SavedValue value_of(const optim::StateValue& value) {
  return std::visit(ToSaved(), value.held);
}

SavedDict dict_of(const optim::StateEntries& entries) {
  SavedDict dict;
  for (const auto& [name, value] : entries) dict.set(name, value_of(value));
  return dict;
}

/// Reads the parts of a state; every mistake names `what`.
class Reader {
 public:
  explicit Reader(std::string_view what, std::string_view of = "an optimiser")
      : what_(what), of_(of) {}

  optim::StateEntries read_entries(const SavedValue& value) const {
    return entries_of(as<SavedDict>(value), {});
  }

  optim::OptimizerState read(const SavedValue& value) const {
    const auto* dict = value.as<SavedDict>();
    const SavedValue* state = dict != nullptr ? dict->find("state") : nullptr;
    const SavedValue* groups = dict != nullptr ? dict->find("param_groups") : nullptr;
    require(state != nullptr && groups != nullptr, "expects 'state' and 'param_groups'");
    optim::OptimizerState out;
    for (const auto& [number, entries] : as<SavedDict>(*state).items) {
      out.state.emplace_back(as<int64_t>(number), entries_of(as<SavedDict>(entries), {}));
    }
    for (const SavedValue& group : as<SavedList>(*groups).items)
      out.groups.push_back(read_group(group));
    return out;
  }

 private:
  optim::OptimizerState::Group read_group(const SavedValue& value) const {
    const auto& dict = as<SavedDict>(value);
    const SavedValue* params = dict.find("params");
    require(params != nullptr, "a group has no 'params'");
    optim::OptimizerState::Group group;
    for (const SavedValue& number : as<SavedList>(*params).items) {
      group.params.push_back(as<int64_t>(number));
    }
    group.options = entries_of(dict, "params");
    return group;
  }

  optim::StateEntries entries_of(const SavedDict& dict, std::string_view but) const {
    optim::StateEntries entries;
    for (const auto& [key, value] : dict.items) {
      if (as<std::string>(key) != but) entries.set(as<std::string>(key), read_value(value));
    }
    return entries;
  }

  optim::StateValue read_value(const SavedValue& value) const {
    return std::visit([&](const auto& data) { return from(data); }, value.data);
  }
  optim::StateValue from(std::monostate) const { return {nn::None()}; }
  optim::StateValue from(const SavedDict&) const {
    require(false, "a value is a dict");
    return {};
  }
  optim::StateValue from(const SavedList& list) const { return from_items(list.items); }
  optim::StateValue from(const SavedTuple& tuple) const { return from_items(tuple.items); }
  template <typename T>
  optim::StateValue from(const T& plain) const {
    return {plain};
  }
  optim::StateValue from_items(const std::vector<SavedValue>& items) const {
    optim::StateValue::List list;
    for (const SavedValue& item : items) list.push_back(read_value(item));
    return {std::move(list)};
  }

  template <typename T>
  const T& as(const SavedValue& value) const {
    const T* data = value.as<T>();
    require(data != nullptr, "something in it is of another kind");
    return *data;
  }
  void require(bool holds, std::string_view problem) const {
    NW_CHECK(holds, what_, " is no state of ", of_, ": ", problem);
  }

  std::string_view what_;
  std::string_view of_;
};

}  // namespace

SavedValue to_saved(const optim::OptimizerState& state) {
  SavedDict numbered;
  for (const auto& [number, entries] : state.state) {
    numbered.items.emplace_back(SavedValue{number}, SavedValue{dict_of(entries)});
  }
  SavedList groups;
  for (const auto& group : state.groups) {
    SavedDict dict = dict_of(group.options);
    SavedList params;
    for (int64_t number : group.params) params.items.push_back({number});
    dict.set("params", {std::move(params)});
    groups.items.push_back({std::move(dict)});
  }
  SavedDict out;
  out.set("state", {std::move(numbered)});
  out.set("param_groups", {std::move(groups)});
  return {std::move(out)};
}

optim::OptimizerState to_optimizer_state(const SavedValue& value, std::string_view what) {
  return Reader(what).read(value);
}

SavedValue to_saved(const optim::StateEntries& entries) {
  return {dict_of(entries)};
}

optim::StateEntries to_state_entries(const SavedValue& value, std::string_view what) {
  return Reader(what, "a scheduler").read_entries(value);
}

}  // namespace nw::io
