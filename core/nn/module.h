#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nn/module_hooks.h"
#include "core/nn/state_dict.h"
#include "core/tensor/tensor.h"

namespace nw::nn {

enum class MemoryFormat : uint8_t { Contiguous, ChannelsLast, ChannelsLast3d };

/// What Module::to changes; what is not set stays as it is.
struct Conversion {
  std::optional<Device> device = {};
  std::optional<DType> dtype = {};  // floating or complex
  bool non_blocking = false;        // a hint: the copy may go on while the caller does
  std::optional<MemoryFormat> memory_format = {};  // of tensors with four or five dimensions
};

/// A piece of a model with parameters, buffers and children, as torch.nn.Module. Shares its
/// children with whoever else holds them. Walks over the tree meet a module or parameter that is
/// there twice once, as torch's do. Not thread-safe.
class Module {
 public:
  using Named = std::vector<std::pair<std::string, Tensor>>;
  using NamedModules = std::vector<std::pair<std::string, Module*>>;

  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// The class name that torch prints: "Conv2d".
  virtual std::string kind() const = 0;
  /// What torch prints between the parentheses of a module without children: "6, 16,
  /// kernel_size=(5, 5), stride=(1, 1)".
  virtual std::string extra_repr() const { return {}; }

  /// The computation itself, without hooks. Inputs that are optional may be undefined.
  virtual Tensors forward(const Tensors& inputs) = 0;
  /// Pre-hooks, forward, forward hooks; what users and containers call.
  Tensors call(const Tensors& inputs) {
    return hooks_ || lazy_ ? call_with_hooks(inputs) : forward(inputs);
  }
  /// call() for one input and one output.
  Tensor operator()(const Tensor& input) { return call({input})[0]; }

  // --- the tree; paths are names joined by dots, "" is this module ---
  std::vector<Module*> children() const;
  NamedModules named_children() const;
  /// This module and all below it, parents first.
  std::vector<Module*> modules();
  NamedModules named_modules(const std::string& prefix = "");
  /// Throw Error when there is none of that path.
  Module& get_submodule(std::string_view target);
  Tensor get_parameter(std::string_view target);
  Tensor get_buffer(std::string_view target);
  /// Takes the place of a child of that name. Null stands for the absence of one. Throws Error for
  /// a name that is empty, has a dot, or is a parameter's or buffer's.
  void add_module(std::string name, std::shared_ptr<Module> module);
  /// The same, giving the module back as what it is.
  template <typename Child>
  Child& add_module(std::string name, std::unique_ptr<Child> module) {
    Child& child = *module;
    add_module(std::move(name), std::shared_ptr<Module>(std::move(module)));
    return child;
  }
  /// Calls `function` for each module, children first.
  Module& apply(const std::function<void(Module&)>& function);

  std::vector<Tensor> parameters(bool recurse = true) const;
  Named named_parameters(const std::string& prefix = "", bool recurse = true) const;
  std::vector<Tensor> buffers(bool recurse = true) const;
  Named named_buffers(const std::string& prefix = "", bool recurse = true) const;
  /// Marks `tensor` as learnable; an undefined tensor registers the absence of one (bias=False).
  /// Returns it. Takes the place of a parameter of that name; throws Error for a name that is a
  /// buffer's or child's.
  Tensor register_parameter(std::string name, Tensor tensor);
  /// `persistent`: part of the state_dict.
  Tensor register_buffer(std::string name, Tensor tensor, bool persistent = true);

  // --- state ---
  /// Copies of nothing: the tensors share the module's numbers. A parameter that still waits for
  /// its sizes is there undefined.
  StateDict state_dict() const;
  /// Copies the tensors. Throws Error where sizes do not fit, and with `strict` where keys are
  /// missing or unexpected, too; it lists them all, and changes nothing then.
  LoadReport load_state_dict(const StateDict& state, bool strict = true);

  Module& train(bool on = true);
  Module& eval() { return train(false); }
  bool training() const { return training_; }
  /// Freezes (false) or learns all parameters.
  Module& requires_grad_(bool on = true);
  /// Drops the gradients, so that backward takes over its own; or else sets them to 0.
  void zero_grad(bool set_to_none = true);

  // --- conversion in place: tensors taken from the module before, also by an optimiser, become
  // the converted ones ---
  /// Integer parameters and buffers keep their dtype.
  Module& to(const Conversion& conversion);
  Module& to(DType dtype) { return to(Conversion{.dtype = dtype}); }
  Module& to(Device device) { return to(Conversion{.device = device}); }
  /// To the dtype and device of `other`.
  Module& to(const Tensor& other) { return to({.device = other.device(), .dtype = other.dtype()}); }
  /// All parameters and buffers, those of integers, too.
  Module& type(DType dtype);
  Module& cpu() { return to(kCpu); }
  Module& cuda(int index = 0);

  // --- hooks, called in the order of their registration ---
  HookHandle register_forward_pre_hook(ForwardPreHook hook);
  HookHandle register_forward_hook(ForwardHook hook);
  HookHandle register_full_backward_hook(BackwardHook hook);
  /// Whether anything watches the calls of this module.
  bool has_hooks() const;

  /// True from construction until the first call of a module that takes sizes from its input.
  bool is_lazy() const { return lazy_; }

 protected:
  /// torch's `_version` in `_metadata`.
  virtual int state_version() const { return 1; }
  /// What stands for an own key that a state of `version` (0: not told) may lack; undefined: it may
  /// not.
  virtual Tensor state_default(std::string_view /*key*/, int /*version*/) const { return {}; }
  /// Names and children as they were added; one may be there twice, or null.
  const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& registered() const {
    return children_;
  }

  // A lazy module registers parameters and buffers without sizes, and gives them sizes and numbers
  // by materialize() when initialize_parameters() is called before its first forward.
  Tensor register_uninitialized_parameter(std::string name);
  Tensor register_uninitialized_buffer(std::string name);
  /// Of a module that may come to have no such parameter: it counts as lazy all the same.
  void set_lazy() { lazy_ = true; }
  /// Whether any parameter or buffer has no sizes yet.
  bool has_uninitialized_parameters() const;
  /// Gives a registered parameter or buffer its sizes; its numbers are not set. Handles taken
  /// before see it.
  void materialize(const Tensor& tensor, const Dims& sizes);
  virtual void initialize_parameters(const Tensors& inputs);

 private:
  struct Parameter {
    std::string name;
    Tensor tensor;
    bool initialized = true;
  };
  struct Buffer {
    std::string name;
    Tensor tensor;
    bool persistent;
    bool initialized = true;
  };
  void check_new_name(const std::string& name, std::string_view what) const;
  Tensors call_with_hooks(const Tensors& inputs);
  Hooks& hooks();
  Module* child(std::string_view name) const;
  void walk(const std::string& path, NamedModules& out);
  void collect(const std::string& prefix, StateDict& out) const;
  void load_lazy(const std::string& prefix, const StateDict& state);
  Tensor default_for(std::string_view path, const StateDict& state);
  void convert(const std::function<Tensor(const Tensor&)>& function);

  std::vector<Parameter> parameters_;
  std::vector<Buffer> buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  std::shared_ptr<Hooks> hooks_;  // made by the first hook
  bool training_ = true;
  bool lazy_ = false;

  friend std::string to_text(const Module& module);
};

/// What PyTorch prints for the module.
std::string to_text(const Module& module);

/// A module with one input and one output.
class UnaryModule : public Module {
 public:
  virtual Tensor forward(const Tensor& input) = 0;
  Tensors forward(const Tensors& inputs) final;
};

}  // namespace nw::nn
