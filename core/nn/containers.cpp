#include "core/nn/containers.h"

#include "core/base/error.h"

namespace nw::nn {

void Container::append(std::shared_ptr<Module> module) {
  add_module(std::to_string(size()), std::move(module));
}

Module& Container::operator[](int64_t index) const {
  NW_CHECK(index >= -size() && index < size(), "[", kind(), "] has ", size(),
           " children; there is no number ", index);
  return *registered()[static_cast<size_t>(index < 0 ? index + size() : index)].second;
}

Sequential::Sequential(const std::vector<std::shared_ptr<Module>>& modules) {
  for (const auto& module : modules) append(module);
}

Sequential::Sequential(
    const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules) {
  for (const auto& [name, module] : modules) add_module(name, module);
}

Tensors Sequential::forward(const Tensors& inputs) {
  Tensors x = inputs;
  for (const auto& [name, child] : registered()) {
    NW_CHECK(child != nullptr, "[Sequential] child '", name, "' is None and cannot be called");
    x = child->call(x);
  }
  return x;
}

void ModuleList::extend(const std::vector<std::shared_ptr<Module>>& modules) {
  for (const auto& module : modules) append(module);
}

Tensors ModuleList::forward(const Tensors&) {
  throw Error("[ModuleList] cannot be called: call its modules");
}

void ModuleDict::update(const Items& items) {
  for (const auto& [name, module] : items) add_module(name, module);
}

bool ModuleDict::contains(std::string_view name) const {
  for (const auto& [own, module] : registered()) {
    if (own == name) return true;
  }
  return false;
}

std::vector<std::string> ModuleDict::keys() const {
  std::vector<std::string> out;
  for (const auto& [name, module] : registered()) out.push_back(name);
  return out;
}

Module& ModuleDict::operator[](std::string_view name) const {
  for (const auto& [own, module] : registered()) {
    if (own == name) return *module;
  }
  throw Error(concat("[ModuleDict] has no module named '", name, "'"));
}

Tensors ModuleDict::forward(const Tensors&) {
  throw Error("[ModuleDict] cannot be called: call its modules");
}

}  // namespace nw::nn
