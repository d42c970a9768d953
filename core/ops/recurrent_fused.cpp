#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/recurrent_sequence.h"

namespace nw::ops {
namespace {

/// A dense weight; an undefined one stays so.
Tensor dense(const Tensor& x) {
  return x.defined() ? raw::contiguous(x) : x;
}

Tensor transposed(const Tensor& x) {
  return x.as_strided(Dims{x.size(1), x.size(0)}, Dims{x.strides()[1], x.strides()[0]}, x.offset());
}

/// a · b without history.
Tensor product(const Tensor& a, const Tensor& b) {
  const Tensor out = new_result(Dims{a.size(0), b.size(1)}, a);
  if (a.numel() == 0 || b.numel() == 0) {
    raw::fill_(out, 0);
  } else {
    kernels_of(a).matmul(a, b, out);
  }
  return out;
}

/// `count` numbers of a dense vector from `first` on.
Tensor part(const Tensor& vector, int64_t first, int64_t count) {
  return vector.as_strided(Dims{count}, Dims{int64_t{1}}, vector.offset() + first);
}

/// What both biases together add to the gates. The Gru's n keeps them apart.
Tensor joined_bias(RecurrentCell cell, const Tensor& bias_ih, const Tensor& bias_hh) {
  if (!bias_ih.defined()) return {};
  const Tensor out = raw::clone(bias_ih);
  const int64_t all = bias_ih.numel();
  const int64_t joined = cell == RecurrentCell::Gru ? all / 3 * 2 : all;
  kernels_of(out).axpy(part(bias_hh, 0, joined), 1, part(out, 0, joined));
  return out;
}

/// Where recurrent layers keep what, among the node's inputs, outputs and saved tensors.
enum Input : size_t { kX, kH0, kC0, kWeightIh, kWeightHh, kBiasIh, kBiasHh, kWeightHr };
enum Output : size_t { kY, kHn, kCn };
enum Saved : size_t { kRows, kIh, kHh, kHr, kGates, kPreviousH, kPreviousC, kUnprojected };

Tensor dense_grad(const Tensors& grads, size_t output) {
  return output < grads.size() ? dense(grads[output]) : Tensor();
}

void backward(const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
              const Tensors& saved, const RecurrentSteps& steps) {
  const Tensor& x = saved[kRows];
  const Tensor& hh = saved[kHh];
  const bool lstm = steps.cell == RecurrentCell::Lstm;
  const bool gru = steps.cell == RecurrentCell::Gru;
  const int64_t rows = x.size(0);
  const int64_t gates = hh.size(0);
  const int64_t state = hh.size(1);
  const bool projects = saved[kHr].defined();
  const Tensor x_gates = new_result(Dims{rows, gates}, x);
  const Tensor h_gates = gru ? new_result(Dims{rows, gates}, x) : Tensor();
  const Tensor grad_h = projects ? new_result(Dims{rows, state}, x) : Tensor();
  const Tensor grad_h_0 = new_result(Dims{steps.batch, state}, x);
  const Tensor grad_c_0 = lstm ? new_result(Dims{steps.batch, gates / 4}, x) : Tensor();
  kernels_of(x).recurrent->backward(steps, hh, saved[kHr], saved[kGates], saved[kPreviousH],
                                    saved[kPreviousC], dense_grad(grads, kY),
                                    dense_grad(grads, kHn), dense_grad(grads, kCn), x_gates,
                                    h_gates, grad_h, grad_h_0, grad_c_0);
  const Tensor& recurrent_gates = gru ? h_gates : x_gates;
  if (node.needs_grad(kX)) grad_inputs[kX] = product(x_gates, saved[kIh]);
  if (node.needs_grad(kH0)) grad_inputs[kH0] = grad_h_0;
  if (node.needs_grad(kC0)) grad_inputs[kC0] = grad_c_0;
  if (node.needs_grad(kWeightIh)) grad_inputs[kWeightIh] = product(transposed(x_gates), x);
  if (node.needs_grad(kWeightHh)) {
    grad_inputs[kWeightHh] = product(transposed(recurrent_gates), saved[kPreviousH]);
  }
  if (node.needs_grad(kBiasIh)) grad_inputs[kBiasIh] = sum_to(x_gates, Dims{gates});
  if (node.needs_grad(kBiasHh)) grad_inputs[kBiasHh] = sum_to(recurrent_gates, Dims{gates});
  if (node.needs_grad(kWeightHr)) {
    grad_inputs[kWeightHr] = product(transposed(grad_h), saved[kUnprojected]);
  }
}

}  // namespace

SequenceResult fused_sequence(const RecurrentSteps& steps, const Tensor& x,
                              const RecurrentState& state, const RecurrentWeights& weights) {
  NW_ASSERT(x.dim() == 2);
  const Tensor rows = dense(x);
  const Tensor ih = dense(weights.ih);
  const Tensor hh = dense(weights.hh);
  const Tensor hr = dense(weights.hr);
  const Tensor bias_hh = dense(weights.bias_hh);
  const int64_t count = rows.size(0);
  const int64_t hidden = hh.size(0) / gate_count(steps.cell);
  const bool lstm = steps.cell == RecurrentCell::Lstm;
  const bool gru = steps.cell == RecurrentCell::Gru;
  const bool records = autograd::needs_record(x, state.h, state.c, weights.ih, weights.hh,
                                              weights.bias_ih, weights.bias_hh, weights.hr);
  const auto room = [&](bool wanted, int64_t height, int64_t width) {
    return wanted ? new_result(Dims{height, width}, x) : Tensor();
  };

  const Tensor x_gates = room(true, count, hh.size(0));
  kernels_of(x).linear(rows, ih, joined_bias(steps.cell, dense(weights.bias_ih), bias_hh), x_gates);
  const Tensor bias_hn = gru && bias_hh.defined() ? part(bias_hh, 2 * hidden, hidden) : Tensor();
  const SequenceResult result{
      room(true, count, hh.size(1)),
      {room(true, steps.batch, hh.size(1)), room(lstm, steps.batch, hidden)}};
  const Tensor gates = room(records && (lstm || gru), count, 4 * hidden);
  const Tensor previous_h = room(records, count, hh.size(1));
  const Tensor previous_c = room(records && lstm, count, hidden);
  const Tensor unprojected = room(records && hr.defined(), count, hidden);
  kernels_of(x).recurrent->forward(steps, x_gates, hh, bias_hn, hr, dense(state.h), dense(state.c),
                                   result.y, result.final.h, result.final.c, gates, previous_h,
                                   previous_c, unprojected);
  if (!records) return result;

  Tensors outputs{result.y, result.final.h};
  if (lstm) outputs.push_back(result.final.c);
  const Tensor& kept = gates.defined() ? gates : result.y;
  autograd::record(
      "recurrent", outputs,
      Tensors{x, state.h, state.c, weights.ih, weights.hh, weights.bias_ih, weights.bias_hh,
              weights.hr},
      Tensors{rows, ih, hh, hr, kept, previous_h, previous_c, unprojected},
      [steps](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
              const Tensors& saved) { backward(node, grads, grad_inputs, saved, steps); });
  return result;
}

}  // namespace nw::ops
