#include "core/nn/module.h"

#include <unordered_map>
#include <unordered_set>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::nn {
namespace {

/// Where each tensor of the state goes: pairs of target and source.
using Copies = std::vector<std::pair<Tensor, Tensor>>;

LoadReport match(const StateDict& ours, const StateDict& theirs, Copies& copies) {
  LoadReport report;
  std::unordered_map<std::string_view, const Tensor*> given;
  for (const auto& entry : theirs.entries) given.emplace(entry.key, &entry.tensor);
  std::unordered_set<std::string_view> known;
  for (const auto& [key, tensor] : ours.entries) {
    known.insert(key);
    const auto it = given.find(key);
    if (it == given.end()) {
      report.missing.push_back(key);
    } else if (!it->second->defined() || it->second->sizes() != tensor.sizes()) {
      report.mismatched.push_back(
          concat(key, ": expects ", to_string(tensor.sizes()), ", gets ",
                 it->second->defined() ? to_string(it->second->sizes()) : std::string("nothing")));
    } else {
      copies.emplace_back(tensor, *it->second);
    }
  }
  for (const auto& entry : theirs.entries) {
    if (!known.contains(entry.key)) report.unexpected.push_back(entry.key);
  }
  return report;
}

void append_lines(std::string& text, std::string_view what, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (!text.empty()) text += "\n";
    text += concat(what, " ", key);
  }
}

}  // namespace

const Tensor* StateDict::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.tensor;
  }
  return nullptr;
}

std::string LoadReport::text() const {
  std::string text;
  append_lines(text, "missing:", missing);
  append_lines(text, "unexpected:", unexpected);
  append_lines(text, "another size:", mismatched);
  return text;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (auto& [name, tensor] : named_parameters()) out.push_back(std::move(tensor));
  return out;
}

std::vector<std::pair<std::string, Tensor>> Module::named_parameters() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& [name, tensor] : parameters_) {
    if (tensor.defined()) out.emplace_back(name, tensor);
  }
  for (const auto& [child_name, child] : children_) {
    for (auto& [name, tensor] : child->named_parameters()) {
      out.emplace_back(child_name + "." + name, std::move(tensor));
    }
  }
  return out;
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const Buffer& buffer : buffers_) {
    if (buffer.tensor.defined()) out.emplace_back(buffer.name, buffer.tensor);
  }
  for (const auto& [child_name, child] : children_) {
    for (auto& [name, tensor] : child->named_buffers()) {
      out.emplace_back(child_name + "." + name, std::move(tensor));
    }
  }
  return out;
}

std::vector<std::pair<std::string, Module*>> Module::named_children() const {
  std::vector<std::pair<std::string, Module*>> out;
  for (const auto& [name, child] : children_) out.emplace_back(name, child.get());
  return out;
}

Module& Module::add_module(std::string name, std::unique_ptr<Module> module) {
  NW_CHECK(!name.empty() && name.find('.') == std::string::npos, "[", kind(), "] a child's name ",
           "must have at least one character and no dot, is '", name, "'");
  for (const auto& child : children_) {
    NW_CHECK(child.first != name, "[", kind(), "] has a child named '", name, "' already");
  }
  children_.emplace_back(std::move(name), std::move(module));
  return *children_.back().second;
}

StateDict Module::state_dict() const {
  StateDict out;
  collect("", out);
  return out;
}

void Module::collect(const std::string& prefix, StateDict& out) const {
  const std::string path = prefix.empty() ? "" : prefix.substr(0, prefix.size() - 1);
  out.versions.emplace_back(path, state_version());
  for (const auto& [name, tensor] : parameters_) {
    if (tensor.defined()) out.entries.push_back({prefix + name, tensor.detach()});
  }
  for (const Buffer& buffer : buffers_) {
    if (buffer.persistent && buffer.tensor.defined()) {
      out.entries.push_back({prefix + buffer.name, buffer.tensor.detach()});
    }
  }
  for (const auto& [name, child] : children_) child->collect(prefix + name + ".", out);
}

LoadReport Module::load_state_dict(const StateDict& state, bool strict) {
  Copies copies;
  LoadReport report = match(state_dict(), state, copies);
  NW_CHECK(!strict || report.ok(), "[", kind(), "] the weights do not fit:\n", report.text());
  for (const auto& [target, source] : copies) raw::copy_(target, source);
  return report;
}

Module& Module::train(bool on) {
  training_ = on;
  for (const auto& child : children_) child.second->train(on);
  return *this;
}

void Module::zero_grad() {
  for (const auto& parameter : parameters_) {
    if (parameter.second.defined()) parameter.second.set_grad({});
  }
  for (const auto& child : children_) child.second->zero_grad();
}

Tensor Module::register_parameter(std::string name, Tensor tensor) {
  if (tensor.defined()) tensor.set_requires_grad();
  parameters_.emplace_back(std::move(name), tensor);
  return tensor;
}

Tensor Module::register_buffer(std::string name, Tensor tensor, bool persistent) {
  buffers_.push_back({std::move(name), tensor, persistent});
  return tensor;
}

void Sequential::append(std::unique_ptr<Module> module) {
  add_module(std::to_string(named_children().size()), std::move(module));
}

Tensor Sequential::forward(const Tensor& input) {
  Tensor x = input;
  for (const auto& [name, child] : children()) x = (*child)(x);
  return x;
}

}  // namespace nw::nn
