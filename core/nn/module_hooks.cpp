#include "core/nn/module_hooks.h"

#include <algorithm>
#include <string>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/nn/module.h"

namespace nw::nn {
namespace {

template <typename Hook>
void erase(Hooks::List<Hook>& list, uint64_t id) {
  std::erase_if(list, [id](const auto& item) { return item.first == id; });
}

bool any_needs_grad(const Tensors& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const Tensor& x) { return autograd::needs_record(x); });
}

/// Lets all of `tensors` pass through `node`.
Tensors through(const Ref<autograd::Node>& node, const Tensors& tensors) {
  Tensors out;
  for (const Tensor& x : tensors) {
    node->add_edge(autograd::edge_of(x));
    const auto index = static_cast<uint32_t>(out.size());
    out.push_back(x.defined() ? x.detach() : Tensor());
    if (autograd::needs_record(x)) autograd::set_maker(out.back(), node, index);
  }
  return out;
}

}  // namespace

void HookHandle::remove() {
  const std::shared_ptr<Hooks> hooks = hooks_.lock();
  if (hooks == nullptr) return;
  erase(hooks->before, id_);
  erase(hooks->after, id_);
  erase(hooks->backward, id_);
}

/// What the two nodes around one forward share.
struct BackwardWatch::State {
  Module& module;
  std::weak_ptr<Hooks> alive;  // as long as the module
  Hooks::List<BackwardHook> hooks;
  size_t input_count = 0;
  bool waits_for_inputs = false;  // an input needs a gradient: the hooks run at the inputs
  Tensors grad_outputs = {};

  void run(Tensors& grad_inputs) const {
    if (alive.expired()) return;
    for (const auto& [id, hook] : hooks) {
      std::optional<Tensors> replaced = hook(module, grad_inputs, grad_outputs);
      if (!replaced) continue;
      NW_CHECK(replaced->size() == grad_inputs.size(), "[", module.kind(), "] a backward hook ",
               "returned ", replaced->size(), " gradients for ", grad_inputs.size(), " inputs");
      grad_inputs = std::move(*replaced);
    }
  }
};

class BackwardWatch::OutputsNode final : public autograd::Node {
 public:
  explicit OutputsNode(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::string_view name() const override { return "BackwardHook"; }
  void backward(Tensors& grads, Tensors& grad_inputs) override {
    grads.resize(edges().size());
    grad_inputs = grads;
    state_->grad_outputs = grads;
    if (state_->waits_for_inputs) return;
    Tensors none(state_->input_count);
    state_->run(none);
  }
  void release_saved() override {}

 private:
  std::shared_ptr<State> state_;
};

class BackwardWatch::InputsNode final : public autograd::Node {
 public:
  InputsNode(std::shared_ptr<State> state, const Tensors& inputs)
      : state_(std::move(state)), like_(inputs) {
    for (Tensor& x : like_) x = x.defined() ? empty(x.sizes(), x.dtype(), kMeta) : Tensor();
  }
  std::string_view name() const override { return "BackwardHook"; }
  void backward(Tensors& grads, Tensors& grad_inputs) override {
    grads.resize(like_.size());
    const auto known =
        std::find_if(grads.begin(), grads.end(), [](const Tensor& grad) { return grad.defined(); });
    // As torch does: what no gradient came for counts as 0.
    for (size_t i = 0; i < like_.size(); ++i) {
      if (grads[i].defined() || !like_[i].defined() || known == grads.end()) continue;
      grads[i] = zeros(like_[i].sizes(), like_[i].dtype(), known->device());
    }
    state_->run(grads);
    state_->grad_outputs.clear();
    grad_inputs = std::move(grads);
  }
  void release_saved() override {}

 private:
  std::shared_ptr<State> state_;
  Tensors like_;  // on meta: sizes and dtypes of the inputs
};

BackwardWatch::BackwardWatch(Module& module, const std::shared_ptr<Hooks>& hooks)
    : state_(std::make_shared<State>(State{module, hooks, hooks->backward})) {}

Tensors BackwardWatch::inputs(const Tensors& inputs) {
  state_->input_count = inputs.size();
  state_->waits_for_inputs = any_needs_grad(inputs);
  if (!state_->waits_for_inputs) return inputs;
  return through(make_ref<InputsNode>(state_, inputs), inputs);
}

Tensors BackwardWatch::outputs(const Tensors& outputs) {
  if (!any_needs_grad(outputs)) return outputs;
  return through(make_ref<OutputsNode>(state_), outputs);
}

}  // namespace nw::nn
