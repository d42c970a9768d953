#include "core/ops/chain.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

/// What is kept costs, in quarters of a tensor's memory: an input may live on for others as well,
/// the result most likely does, and what lies between is made for backward alone. So does what has
/// to be worked out a second time, unless that is next to nothing.
constexpr int kInputCost = 4;
constexpr int kResultCost = 2;
constexpr int kBetweenCost = 5;
constexpr int kFunctionCost = 3;

int cost_of(const Chain& chain, ChainSet kept, ChainSet made) {
  int cost = 0;
  for (size_t value = 0; value < chain.values(); ++value) {
    const bool is_input = value < chain.inputs;
    if (holds(kept, value)) {
      cost += is_input ? kInputCost : value + 1 == chain.values() ? kResultCost : kBetweenCost;
    } else if (holds(made, value)) {
      const ElementOp& op = chain.steps[value - chain.inputs].op;
      if (!op.takes_two() && op.kind != ElementKind::Relu) cost += kFunctionCost;
    }
  }
  return cost;
}

/// The cheapest set of values from which all of `read` can be told, of no more than these are.
ChainSet cheapest(const Chain& chain, ChainSet read) {
  ChainSet best = read;
  int least = std::numeric_limits<int>::max();
  for (ChainSet kept = 0; kept < only(chain.values()); ++kept) {
    if (std::popcount(kept) > std::popcount(read)) continue;
    const ChainRecall rest = recall(chain, kept, read);
    const int cost = cost_of(chain, kept, rest.made);
    if (rest.missing == 0 && cost < least) {
      best = kept;
      least = cost;
    }
  }
  return best;
}

/// Softplus is the one step that autocast lets compute in another dtype.
bool autocast_has_a_say(const Chain& chain, const Tensor& x) {
  if (!autocast::is_on(x.device())) return false;
  return std::any_of(chain.steps.begin(), chain.steps.end(), [](const ChainStep& step) {
    return step.op.kind == ElementKind::Activation && step.op.f.kind == ActivationKind::Softplus;
  });
}

bool broadcasts_to(const Dims& sizes, const Dims& whole) {
  if (sizes.size() > whole.size()) return false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t size = sizes[sizes.size() - 1 - i];
    if (size != 1 && size != whole[whole.size() - 1 - i]) return false;
  }
  return true;
}

/// The step that takes a value; null for the result.
const ChainStep* taker_of(const Chain& chain, size_t value, size_t& result) {
  for (size_t i = 0; i < chain.steps.size(); ++i) {
    const ChainStep& step = chain.steps[i];
    if (step.a != value && !(step.op.takes_two() && step.b == value)) continue;
    result = chain.inputs + i;
    return &step;
  }
  return nullptr;
}

/// Where the gradient of a value arises: what is added up on the way to the result passes it on.
size_t source_of(const Chain& chain, size_t value) {
  size_t result = value;
  for (const ChainStep* step = taker_of(chain, value, result);
       step != nullptr && step->op.kind == ElementKind::Add;
       step = taker_of(chain, value, result)) {
    value = result;
  }
  return value;
}

/// Whether that gradient lies in memory as the result does: products alone keep the order of the
/// gradient that comes in.
bool lies_as_result(const Chain& chain, size_t value) {
  while (const ChainStep* step = taker_of(chain, value, value)) {
    if (!step->op.takes_two()) return true;
  }
  return false;
}

/// One tensor for each value; undefined where there is none.
using Values = std::array<Tensor, Chain::kMostValues>;

/// What backward needs beside the kept values.
struct Way {
  Chain chain;
  Dims strides;                                 // of the result
  SmallVector<Dims, Chain::kMostInputs> sizes;  // of the inputs

  void backward(const Tensor& grad, const Values& kept, const autograd::Node& node,
                Tensors& grad_inputs) const {
    Values values = kept;
    for (Tensor& value : values) {
      if (value.defined() && value.sizes() != grad.sizes()) {
        value = raw::expand(value, grad.sizes());
      }
    }
    Values grads;
    // Twice only where the gradient comes in another order than the result has.
    const bool one_order = grad.strides() == strides;
    for (const bool as_result : {true, false}) {
      if (!one_order || as_result) add_grads(grad, values, node, one_order, as_result, grads);
    }
    for (size_t i = 0; i < chain.inputs; ++i) {
      if (!node.needs_grad(i)) continue;
      const size_t source = source_of(chain, i);
      const bool passed_on = source + 1 == chain.values();
      grad_inputs[i] = sum_to(passed_on ? grad : grads[source], sizes[i]);
    }
  }

 private:
  /// `all`: whatever their order.
  void add_grads(const Tensor& grad, const Values& values, const autograd::Node& node, bool all,
                 bool as_result, Values& grads) const {
    Values wanted;
    bool any = false;
    for (size_t i = 0; i < chain.inputs; ++i) {
      const size_t source = source_of(chain, i);
      if (!node.needs_grad(i) || source + 1 == chain.values() || wanted[source].defined()) continue;
      if (!all && lies_as_result(chain, source) != as_result) continue;
      wanted[source] = as_result ? empty(grad.sizes(), grad.dtype(), grad.device())
                                       .as_strided(grad.sizes(), strides, 0)
                                 : new_alike(grad, grad.dtype());
      grads[source] = wanted[source];
      any = true;
    }
    if (!any) return;
    const size_t count = chain.values();
    kernels_of(grad).chain->backward(chain, grad, std::span(values).first(count),
                                     std::span(wanted).first(count));
  }
};

}  // namespace

ChainSet ElementChain::kept_for(ChainSet learning) {
  const auto known = kept_.find(learning);
  if (known != kept_.end()) return known->second;
  const ChainSet way = on_the_way(chain_, learning);
  return kept_[learning] = cheapest(chain_, read_on_the_way(chain_, way));
}

bool ElementChain::fits(const Tensors& inputs, const Tensor& like) const {
  if (!is_floating(like.dtype()) || like.numel() == 0 || autocast_has_a_say(chain_, like)) {
    return false;
  }
  if (!is_dense_in_some_order(like)) return false;
  ChainSet whole = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    if (x.dtype() != like.dtype() || x.device() != like.device()) return false;
    if (x.sizes() == like.sizes()) {
      if (x.strides() != like.strides()) return false;
      whole |= only(i);
    } else if (!broadcasts_to(x.sizes(), like.sizes())) {
      return false;
    }
  }
  // Each step gives a tensor of the result's sizes.
  for (size_t i = 0; i < chain_.steps.size(); ++i) {
    const ChainStep& step = chain_.steps[i];
    if (!holds(whole, step.a) && !(step.op.takes_two() && holds(whole, step.b))) return false;
    whole |= only(chain_.inputs + i);
  }
  return true;
}

std::optional<Tensor> ElementChain::run(const Tensors& inputs) {
  const bool all_there =
      std::all_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.defined(); });
  if (!all_there) return {};
  const ChainKernels* kernels = kernels_of(inputs[0]).chain;
  if (kernels == nullptr || kernels->forward == nullptr) return {};
  const Tensor& like =
      *std::max_element(inputs.begin(), inputs.end(),
                        [](const Tensor& a, const Tensor& b) { return a.numel() < b.numel(); });
  if (!fits(inputs, like)) return {};

  const bool recording = autograd::needs_record(inputs);
  ChainSet learning = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (recording && inputs[i].requires_grad()) learning |= only(i);
  }
  const ChainSet kept = recording ? kept_for(learning) : 0;
  const size_t result = chain_.values() - 1;
  Values values;  // those that are kept, and the result
  for (size_t i = 0; i <= result; ++i) {
    if (i < chain_.inputs) {
      if (holds(kept, i)) values[i] = inputs[i];
    } else if (holds(kept, i) || i == result) {
      values[i] = new_alike(like, like.dtype());
    }
  }
  Tensors spread = inputs;
  for (Tensor& x : spread) {
    if (x.sizes() != like.sizes()) x = raw::expand(x, like.sizes());
  }
  kernels->forward(chain_, spread, std::span(values).subspan(chain_.inputs, chain_.steps.size()));
  const Tensor y = values[result];
  if (recording) record(inputs, values, kept, y);
  return y;
}

void ElementChain::record(const Tensors& inputs, const std::array<Tensor, Chain::kMostValues>& made,
                          ChainSet kept, const Tensor& y) const {
  Values values = made;
  if (!holds(kept, chain_.values() - 1)) values[chain_.values() - 1] = Tensor();
  Way way{chain_, y.strides(), {}};
  std::array<Tensor, Chain::kMostInputs> sources;
  for (size_t i = 0; i < inputs.size(); ++i) {
    sources[i] = inputs[i];
    way.sizes.push_back(inputs[i].sizes());
  }
  autograd::record(
      "Chain", y, sources, values,
      [way](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
            const Values& saved) { way.backward(grads[0], saved, node, grad_inputs); });
}

}  // namespace nw::ops
