#include "core/autograd/hooks.h"
#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/recurrent_sequence.h"

namespace nw::ops {
namespace {

Tensor dense(const Tensor& x) {
  return x.defined() ? raw::contiguous(x) : x;
}

/// Where stacks keep what, among the node's inputs, outputs and saved tensors; the weights stand
/// behind.
enum Input : size_t { kX, kH0, kC0, kFirstWeight };
enum Output : size_t { kY, kHn, kCn };
enum Saved : size_t { kRows, kInitialH, kInitialC, kOutput, kKept, kFirstSavedWeight };

Tensors weights_in_line(std::span<const RecurrentWeights> weights) {
  Tensors all;
  for (const RecurrentWeights& w : weights) {
    for (const Tensor& one : {w.ih, w.hh, w.bias_ih, w.bias_hh, w.hr}) {
      if (one.defined()) all.push_back(one);
    }
  }
  return all;
}

void backward(const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
              const Tensors& saved, const RecurrentStack& stack) {
  const Tensor& x = saved[kRows];
  const auto wanted = [&](size_t input, const Tensor& like) {
    return node.needs_grad(input) ? new_result(like.sizes(), like) : Tensor();
  };
  grad_inputs[kX] = wanted(kX, x);
  grad_inputs[kH0] = wanted(kH0, saved[kInitialH]);
  grad_inputs[kC0] = wanted(kC0, saved[kInitialC]);
  const auto weights = std::span(saved).subspan(kFirstSavedWeight);
  Tensors grad_weights;
  for (size_t i = 0; i < weights.size(); ++i) {
    grad_weights.push_back(wanted(kFirstWeight + i, weights[i]));
    grad_inputs[kFirstWeight + i] = grad_weights.back();
  }
  const auto grad_of = [&](size_t output) {
    return output < grads.size() ? dense(grads[output]) : Tensor();
  };
  const Tensor kept = autograd::keeps_graph() ? raw::clone(saved[kKept]) : saved[kKept];
  kernels_of(x).recurrent->stack_backward(stack, x, saved[kInitialH], saved[kInitialC], weights,
                                          saved[kOutput], kept, grad_of(kY), grad_of(kHn),
                                          grad_of(kCn), grad_inputs[kX], grad_inputs[kH0],
                                          grad_inputs[kC0], grad_weights);
}

}  // namespace

std::optional<SequenceResult> stacked_sequence(RecurrentStack stack, const Tensor& x,
                                               const RecurrentState& state,
                                               std::span<const RecurrentWeights> weights) {
  const RecurrentKernels* kernels = kernels_of(x).recurrent;
  if (kernels == nullptr || kernels->stack_forward == nullptr) return std::nullopt;
  Tensors inputs{x, state.h, state.c};
  const Tensors all = weights_in_line(weights);
  for (const Tensor& weight : all) inputs.push_back(weight);
  stack.learns = autograd::needs_record(inputs);

  Tensors saved{dense(x), dense(state.h), dense(state.c), Tensor(), Tensor()};
  for (const Tensor& weight : all) saved.push_back(dense(weight));
  const bool lstm = stack.cell == RecurrentCell::Lstm;
  const Dims final{stack.cells(), stack.batch, stack.state};
  const Dims final_c{stack.cells(), stack.batch, stack.hidden};
  const SequenceResult result{new_result(Dims{x.size(0), stack.directions() * stack.state}, x),
                              {new_result(final, x), lstm ? new_result(final_c, x) : Tensor()}};
  RecurrentStackResult done;
  kernels->stack_forward(stack, saved[kRows], saved[kInitialH], saved[kInitialC],
                         std::span(saved).subspan(kFirstSavedWeight), result.y, result.final.h,
                         result.final.c, done);
  if (!done.done) return std::nullopt;
  if (!stack.learns) return result;

  saved[kOutput] = result.y;
  saved[kKept] = done.kept;
  Tensors outputs{result.y, result.final.h};
  if (lstm) outputs.push_back(result.final.c);
  autograd::record(
      "recurrent", outputs, inputs, saved,
      [stack](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
              const Tensors& kept) { backward(node, grads, grad_inputs, kept, stack); });
  return result;
}

}  // namespace nw::ops
