#include <unordered_map>
#include <unordered_set>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/nn/module.h"

namespace nw::nn {
namespace {

/// Where each tensor of the state goes: pairs of target and source.
using Copies = std::vector<std::pair<Tensor, Tensor>>;

std::string sizes_text(const Tensor& tensor) {
  return tensor.defined() ? to_string(tensor.sizes()) : std::string("nothing");
}

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
    } else if (!tensor.defined()) {
      continue;  // it still waits for its sizes: any will do
    } else if (it->second->defined() && it->second->dim() == 1 && tensor.dim() == 0 &&
               it->second->numel() > 0) {
      // A count as torch saved it before 0.4.
      copies.emplace_back(tensor, it->second->as_strided({}, {}, it->second->offset()));
    } else if (!it->second->defined() || it->second->sizes() != tensor.sizes()) {
      report.mismatched.push_back(
          concat(key, ": expects ", sizes_text(tensor), ", gets ", sizes_text(*it->second)));
    } else {
      copies.emplace_back(tensor, *it->second);
    }
  }
  for (const auto& entry : theirs.entries) {
    if (!known.contains(entry.key)) report.unexpected.push_back(entry.key);
  }
  return report;
}

}  // namespace

StateDict Module::state_dict() const {
  StateDict out;
  collect("", out);
  return out;
}

void Module::collect(const std::string& prefix, StateDict& out) const {
  const std::string path = prefix.empty() ? "" : prefix.substr(0, prefix.size() - 1);
  out.versions.emplace_back(path, state_version());
  for (const auto& [name, tensor, initialized] : parameters_) {
    if (!tensor.defined()) continue;
    out.entries.push_back({prefix + name, initialized ? tensor.detach() : Tensor()});
  }
  for (const Buffer& buffer : buffers_) {
    if (buffer.persistent && buffer.tensor.defined()) {
      out.entries.push_back(
          {prefix + buffer.name, buffer.initialized ? buffer.tensor.detach() : Tensor()});
    }
  }
  for (const auto& [name, child] : children_) {
    if (child != nullptr) child->collect(prefix + name + ".", out);
  }
}

void Module::load_lazy(const std::string& prefix, const StateDict& state) {
  const auto take = [&](const auto& items) {
    for (const auto& item : items) {
      const Tensor* given = item.initialized ? nullptr : state.find(prefix + item.name);
      if (given == nullptr || !given->defined()) continue;
      materialize(item.tensor, given->sizes());
      raw::copy_(item.tensor, *given);
    }
  };
  take(parameters_);
  take(buffers_);
  for (const auto& [name, child] : children_) {
    if (child != nullptr) child->load_lazy(prefix + name + ".", state);
  }
}

Tensor Module::default_for(std::string_view path, const StateDict& state) {
  const size_t dot = path.rfind('.');
  const std::string_view owner = dot == std::string_view::npos ? "" : path.substr(0, dot);
  const std::string_view key = dot == std::string_view::npos ? path : path.substr(dot + 1);
  int version = 0;
  for (const auto& [module, given] : state.versions) {
    if (module == owner) version = given;
  }
  return get_submodule(owner).state_default(key, version);
}

LoadReport Module::load_state_dict(const StateDict& given, bool strict) {
  Copies copies;
  StateDict state = given;
  const StateDict own = state_dict();
  for (const auto& entry : own.entries) {
    if (state.find(entry.key) != nullptr) continue;
    const Tensor value = default_for(entry.key, given);
    if (value.defined()) state.entries.push_back({entry.key, value});
  }
  LoadReport report = match(own, state, copies);
  const bool fits = strict ? report.ok() : report.mismatched.empty();
  NW_CHECK(fits, "[", kind(), "] the weights do not fit:\n", report.text());
  load_lazy("", state);
  for (const auto& [target, source] : copies) raw::copy_(target, source);
  return report;
}

}  // namespace nw::nn
