#include "core/optim/optimizer_state.h"

namespace nw::optim {

double StateValue::number() const {
  if (const auto* real = std::get_if<double>(&held)) return *real;
  if (const auto* whole = std::get_if<int64_t>(&held)) return static_cast<double>(*whole);
  if (const auto* flag = std::get_if<bool>(&held)) return *flag ? 1 : 0;
  const auto* value = std::get_if<Tensor>(&held);
  NW_CHECK(value != nullptr && value->defined(), "[Optimizer] expects a number in the state");
  return value->item();
}

const Tensor& StateValue::tensor() const {
  const auto* value = std::get_if<Tensor>(&held);
  NW_CHECK(value != nullptr && value->defined(), "[Optimizer] expects a tensor in the state");
  return *value;
}

const StateValue::List& StateValue::list() const {
  const auto* items = std::get_if<List>(&held);
  NW_CHECK(items != nullptr, "[Optimizer] expects a list in the state");
  return *items;
}

void StateEntries::set(std::string name, StateValue value) {
  for (auto& [known, held] : items_) {
    if (known == name) {
      held = std::move(value);
      return;
    }
  }
  items_.emplace_back(std::move(name), std::move(value));
}

const StateValue* StateEntries::find(std::string_view name) const {
  for (const auto& [known, held] : items_) {
    if (known == name) return &held;
  }
  return nullptr;
}

const StateValue& StateEntries::at(std::string_view name) const {
  const StateValue* value = find(name);
  NW_CHECK(value != nullptr, "[Optimizer] the state has no '", name, "'");
  return *value;
}

}  // namespace nw::optim
