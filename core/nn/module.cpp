#include "core/nn/module.h"

#include <algorithm>
#include <unordered_set>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/nn/init.h"

namespace nw::nn {
namespace {

bool contains(const Module::Named& list, const Tensor& tensor) {
  return std::any_of(list.begin(), list.end(),
                     [&](const auto& item) { return item.second.is_same(tensor); });
}

std::vector<Tensor> tensors_of(Module::Named named) {
  std::vector<Tensor> out;
  for (auto& [name, tensor] : named) out.push_back(std::move(tensor));
  return out;
}

/// In the place of the item of that name, or at the end.
template <typename Item>
Item& put(std::vector<Item>& items, Item item) {
  const auto it = std::find_if(items.begin(), items.end(),
                               [&](const Item& other) { return other.name == item.name; });
  if (it == items.end()) return items.emplace_back(std::move(item));
  return *it = std::move(item);
}

/// The item that holds this very tensor.
template <typename Item>
Item& holder(std::vector<Item>& items, const Tensor& tensor) {
  return *std::find_if(items.begin(), items.end(),
                       [&](const Item& item) { return item.tensor.is_same(tensor); });
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

/// "a.b.c" -> {"a.b", "c"}
std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

}  // namespace

// --- the tree ---

Module* Module::child(std::string_view name) const {
  for (const auto& [own, module] : children_) {
    if (own == name) return module.get();
  }
  return nullptr;
}

Module::NamedModules Module::named_children() const {
  NamedModules out;
  std::unordered_set<const Module*> seen;
  for (const auto& [name, child] : children_) {
    if (child != nullptr && seen.insert(child.get()).second) out.emplace_back(name, child.get());
  }
  return out;
}

std::vector<Module*> Module::children() const {
  std::vector<Module*> out;
  for (const auto& [name, child] : named_children()) out.push_back(child);
  return out;
}

void Module::walk(const std::string& path, NamedModules& out) {
  const bool seen =
      std::any_of(out.begin(), out.end(), [this](const auto& item) { return item.second == this; });
  if (seen) return;
  out.emplace_back(path, this);
  for (const auto& [name, child] : children_) {
    if (child != nullptr) child->walk(joined(path, name), out);
  }
}

Module::NamedModules Module::named_modules(const std::string& prefix) {
  NamedModules out;
  walk(prefix, out);
  return out;
}

std::vector<Module*> Module::modules() {
  std::vector<Module*> out;
  for (const auto& [name, module] : named_modules()) out.push_back(module);
  return out;
}

Module& Module::get_submodule(std::string_view target) {
  Module* at = this;
  for (size_t start = 0; start < target.size();) {
    const size_t dot = std::min(target.find('.', start), target.size());
    const std::string_view name = target.substr(start, dot - start);
    Module* next = at->child(name);
    NW_CHECK(next != nullptr, "[", at->kind(), "] has no child '", name, "', looked for as '",
             target, "'");
    at = next;
    start = dot + 1;
  }
  return *at;
}

Tensor Module::get_parameter(std::string_view target) {
  const auto [path, name] = split_last(target);
  const Module& owner = get_submodule(path);
  for (const Parameter& parameter : owner.parameters_) {
    if (parameter.name == name && parameter.tensor.defined()) return parameter.tensor;
  }
  throw Error(
      concat("[", owner.kind(), "] has no parameter '", name, "', looked for as '", target, "'"));
}

Tensor Module::get_buffer(std::string_view target) {
  const auto [path, name] = split_last(target);
  const Module& owner = get_submodule(path);
  for (const Buffer& buffer : owner.buffers_) {
    if (buffer.name == name && buffer.tensor.defined()) return buffer.tensor;
  }
  throw Error(
      concat("[", owner.kind(), "] has no buffer '", name, "', looked for as '", target, "'"));
}

void Module::check_new_name(const std::string& name, std::string_view what) const {
  NW_CHECK(!name.empty() && name.find('.') == std::string::npos, "[", kind(), "] a ", what,
           "'s name must have at least one character and no dot, is '", name, "'");
  const auto is_taken = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& item) { return item.name == name; });
  };
  // One of its own kind gives up its place.
  NW_CHECK(what == "parameter" || !is_taken(parameters_), "[", kind(), "] has a parameter named '",
           name, "' already");
  NW_CHECK(what == "buffer" || !is_taken(buffers_), "[", kind(), "] has a buffer named '", name,
           "' already");
  NW_CHECK(what == "child" || child(name) == nullptr, "[", kind(), "] has a child named '", name,
           "' already");
}

void Module::add_module(std::string name, std::shared_ptr<Module> module) {
  check_new_name(name, "child");
  for (auto& [own, child] : children_) {
    if (own != name) continue;
    child = std::move(module);
    return;
  }
  children_.emplace_back(std::move(name), std::move(module));
}

Module& Module::apply(const std::function<void(Module&)>& function) {
  for (Module* child : children()) child->apply(function);
  function(*this);
  return *this;
}

Module::Named Module::named_parameters(const std::string& prefix, bool recurse) const {
  Named out;
  const auto add = [&](const std::string& path, const Module& module) {
    for (const Parameter& parameter : module.parameters_) {
      if (parameter.tensor.defined() && !contains(out, parameter.tensor)) {
        out.emplace_back(joined(path, parameter.name), parameter.tensor);
      }
    }
  };
  if (!recurse) {
    add(prefix, *this);
    return out;
  }
  // Nothing is changed by the walk; it hands out its modules for change, as torch does.
  for (const auto& [path, module] : const_cast<Module*>(this)->named_modules(prefix)) {
    add(path, *module);
  }
  return out;
}

Module::Named Module::named_buffers(const std::string& prefix, bool recurse) const {
  Named out;
  const auto add = [&](const std::string& path, const Module& module) {
    for (const Buffer& buffer : module.buffers_) {
      if (buffer.tensor.defined() && !contains(out, buffer.tensor)) {
        out.emplace_back(joined(path, buffer.name), buffer.tensor);
      }
    }
  };
  if (!recurse) {
    add(prefix, *this);
    return out;
  }
  for (const auto& [path, module] : const_cast<Module*>(this)->named_modules(prefix)) {
    add(path, *module);
  }
  return out;
}

std::vector<Tensor> Module::parameters(bool recurse) const {
  return tensors_of(named_parameters("", recurse));
}

std::vector<Tensor> Module::buffers(bool recurse) const {
  return tensors_of(named_buffers("", recurse));
}

Tensor Module::register_parameter(std::string name, Tensor tensor) {
  check_new_name(name, "parameter");
  NW_CHECK(!tensor.defined() || tensor.is_leaf(), "[", kind(), "] parameter '", name,
           "' must be a leaf, not the result of an op");
  if (tensor.defined()) tensor.set_requires_grad();
  put(parameters_, Parameter{std::move(name), tensor});
  return tensor;
}

Tensor Module::register_buffer(std::string name, Tensor tensor, bool persistent) {
  check_new_name(name, "buffer");
  put(buffers_, Buffer{std::move(name), tensor, persistent});
  return tensor;
}

// --- mode and gradients ---

Module& Module::train(bool on) {
  training_ = on;
  for (const auto& [name, child] : children_) {
    if (child != nullptr) child->train(on);
  }
  return *this;
}

Module& Module::requires_grad_(bool on) {
  for (const Tensor& parameter : parameters()) parameter.set_requires_grad(on);
  return *this;
}

void Module::zero_grad(bool set_to_none) {
  for (const Parameter& parameter : parameters_) {
    if (!parameter.tensor.defined() || !parameter.tensor.grad().defined()) continue;
    if (set_to_none) {
      parameter.tensor.set_grad({});
    } else {
      parameter.tensor.set_grad(parameter.tensor.grad().detach());
      raw::fill_(parameter.tensor.grad(), 0);
    }
  }
  for (const auto& [name, child] : children_) {
    if (child != nullptr) child->zero_grad(set_to_none);
  }
}

// --- calls ---

Hooks& Module::hooks() {
  if (hooks_ == nullptr) hooks_ = std::make_shared<Hooks>();
  return *hooks_;
}

HookHandle Module::register_forward_pre_hook(ForwardPreHook hook) {
  hooks().before.emplace_back(hooks().next, std::move(hook));
  return {hooks_, hooks().next++};
}

HookHandle Module::register_forward_hook(ForwardHook hook) {
  hooks().after.emplace_back(hooks().next, std::move(hook));
  return {hooks_, hooks().next++};
}

HookHandle Module::register_full_backward_hook(BackwardHook hook) {
  hooks().backward.emplace_back(hooks().next, std::move(hook));
  return {hooks_, hooks().next++};
}

bool Module::has_hooks() const {
  return hooks_ != nullptr &&
         !(hooks_->before.empty() && hooks_->after.empty() && hooks_->backward.empty());
}

Tensors Module::call_with_hooks(const Tensors& given) {
  if (lazy_) {
    if (has_uninitialized_parameters()) initialize_parameters(given);
    lazy_ = false;
  }
  if (hooks_ == nullptr) return forward(given);
  // A hook may add or take away hooks: the lists of this moment count.
  const Hooks now = *hooks_;
  Tensors inputs = given;
  for (const auto& [id, hook] : now.before) {
    if (auto replaced = hook(*this, inputs)) inputs = std::move(*replaced);
  }
  std::optional<BackwardWatch> watch;
  if (!now.backward.empty()) inputs = watch.emplace(*this, hooks_).inputs(inputs);
  Tensors outputs = forward(inputs);
  for (const auto& [id, hook] : now.after) {
    if (auto replaced = hook(*this, inputs, outputs)) outputs = std::move(*replaced);
  }
  return watch ? watch->outputs(outputs) : outputs;
}

Tensors UnaryModule::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 1, "[", kind(), "] expects one input, gets ", inputs.size());
  return {forward(inputs[0])};
}

// --- parameters and buffers that get their sizes from the first input ---

Tensor Module::register_uninitialized_parameter(std::string name) {
  const Tensor tensor = register_parameter(std::move(name), new_parameter(Dims{0}));
  holder(parameters_, tensor).initialized = false;
  lazy_ = true;
  return tensor;
}

Tensor Module::register_uninitialized_buffer(std::string name) {
  const Tensor tensor = register_buffer(std::move(name), new_parameter(Dims{0}));
  holder(buffers_, tensor).initialized = false;
  lazy_ = true;
  return tensor;
}

bool Module::has_uninitialized_parameters() const {
  const auto has_none = [](const auto& item) { return !item.initialized; };
  return std::any_of(parameters_.begin(), parameters_.end(), has_none) ||
         std::any_of(buffers_.begin(), buffers_.end(), has_none);
}

void Module::materialize(const Tensor& tensor, const Dims& sizes) {
  const auto fill_in = [&](auto& items) {
    for (auto& item : items) {
      if (!item.tensor.is_same(tensor)) continue;
      tensor.set_data(empty(sizes, tensor.dtype(), tensor.device()));
      item.initialized = true;
    }
  };
  fill_in(parameters_);
  fill_in(buffers_);
}

void Module::initialize_parameters(const Tensors&) {
  throw InternalError(kind() + " registers parameters without sizes and does not initialize them");
}

}  // namespace nw::nn
