#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::nn {

class Module;
struct Hooks;

/// Runs before forward; what it returns takes the place of the inputs.
using ForwardPreHook = std::function<std::optional<Tensors>(Module&, const Tensors& inputs)>;
/// Runs after forward; what it returns takes the place of the outputs.
using ForwardHook =
    std::function<std::optional<Tensors>(Module&, const Tensors& inputs, const Tensors& outputs)>;
/// Runs in backward once the gradients of the inputs are there; what it returns takes their place.
/// A gradient that there is not is undefined.
using BackwardHook = std::function<std::optional<Tensors>(Module&, const Tensors& grad_inputs,
                                                          const Tensors& grad_outputs)>;

/// Takes a hook away again (torch's RemovableHandle). May outlive its module; does nothing by
/// itself when it goes.
class HookHandle {
 public:
  HookHandle(const std::shared_ptr<Hooks>& hooks, uint64_t id) : hooks_(hooks), id_(id) {}
  void remove();

 private:
  std::weak_ptr<Hooks> hooks_;
  uint64_t id_;
};

/// The hooks of one module, each with a number for its handle.
struct Hooks {
  template <typename Hook>
  using List = std::vector<std::pair<uint64_t, Hook>>;

  uint64_t next = 0;
  List<ForwardPreHook> before;
  List<ForwardHook> after;
  List<BackwardHook> backward;
};

/// Sees the inputs and outputs of one forward, so that the backward hooks of `module` run in the
/// backward that goes through them. Both return the tensors to go on with.
class BackwardWatch {
 public:
  BackwardWatch(Module& module, const std::shared_ptr<Hooks>& hooks);
  Tensors inputs(const Tensors& inputs);
  Tensors outputs(const Tensors& outputs);

 private:
  struct State;
  class InputsNode;
  class OutputsNode;
  std::shared_ptr<State> state_;
};

}  // namespace nw::nn
