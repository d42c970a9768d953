#pragma once

#include <functional>
#include <memory>
#include <string>
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

/// A piece of a model with parameters, buffers and children, as torch.nn.Module. Owns its children.
/// Not thread-safe.
class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// The class name that torch prints: "Conv2d".
  virtual std::string kind() const = 0;
  /// What torch prints between the parentheses of a module without children: "6, 16,
  /// kernel_size=(5, 5), stride=(1, 1)".
  virtual std::string extra_repr() const { return {}; }
  virtual Tensors forward(const Tensors& inputs) = 0;
  /// Runs forward for one input and one output.
  Tensor operator()(const Tensor& input) { return forward({input})[0]; }

  std::vector<Tensor> parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_buffers() const;
  std::vector<std::pair<std::string, Module*>> named_children() const;
  Module& add_module(std::string name, std::unique_ptr<Module> module);

  /// Copies of nothing: the tensors share the module's numbers.
  StateDict state_dict() const;
  /// Copies what fits. With `strict`, throws Error listing missing, unexpected and mismatched keys,
  /// and changes nothing then.
  LoadReport load_state_dict(const StateDict& state, bool strict = true);

  Module& train(bool on = true);
  Module& eval() { return train(false); }
  bool training() const { return training_; }
  /// Drops the gradients, so that backward takes over its own.
  void zero_grad();

 protected:
  /// Marks `tensor` as learnable; an undefined tensor registers the absence of one (bias=False).
  Tensor register_parameter(std::string name, Tensor tensor);
  Tensor register_buffer(std::string name, Tensor tensor, bool persistent = true);
  /// torch's `_version` in `_metadata`.
  virtual int state_version() const { return 1; }
  const std::vector<std::pair<std::string, std::unique_ptr<Module>>>& children() const {
    return children_;
  }

 private:
  struct Buffer {
    std::string name;
    Tensor tensor;
    bool persistent;
  };
  void collect(const std::string& prefix, StateDict& out) const;

  std::vector<std::pair<std::string, Tensor>> parameters_;
  std::vector<Buffer> buffers_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
  bool training_ = true;
};

/// A module with one input and one output.
class UnaryModule : public Module {
 public:
  virtual Tensor forward(const Tensor& input) = 0;
  Tensors forward(const Tensors& inputs) final { return {forward(inputs[0])}; }
};

/// torch.nn.Sequential; children are named "0", "1", … unless added by name.
class Sequential : public UnaryModule {
 public:
  std::string kind() const override { return "Sequential"; }
  void append(std::unique_ptr<Module> module);
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

}  // namespace nw::nn
