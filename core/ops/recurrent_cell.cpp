#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/join.h"
#include "core/ops/matmul.h"
#include "core/ops/recurrent_sequence.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::ops {
namespace {

/// What the state adds to the gates.
Tensor from_state(const Tensor& h, const RecurrentWeights& w) {
  return linear(h, w.hh, w.bias_hh);
}

RecurrentState lstm_step(const Tensor& x_gates, const RecurrentState& state,
                         const RecurrentWeights& w) {
  const Tensors gates = chunk(add(from_state(state.h, w), x_gates), 4, 1);
  const Tensor in = sigmoid(gates[0]);
  const Tensor forget = sigmoid(gates[1]);
  const Tensor fresh = tanh(gates[2]);
  const Tensor out = sigmoid(gates[3]);
  const Tensor c = add(mul(forget, state.c), mul(in, fresh));
  const Tensor h = mul(out, tanh(c));
  return {w.hr.defined() ? linear(h, w.hr, {}) : h, c};
}

Tensor gru_step(const Tensor& x_gates, const Tensor& h, const RecurrentWeights& w) {
  const Tensors from_x = chunk(x_gates, 3, 1);
  const Tensors from_h = chunk(from_state(h, w), 3, 1);
  const Tensor reset = sigmoid(add(from_h[0], from_x[0]));
  const Tensor update = sigmoid(add(from_h[1], from_x[1]));
  const Tensor fresh = tanh(add(from_x[2], mul(from_h[2], reset)));
  return add(mul(sub(h, fresh), update), fresh);
}

/// One step, x_gates (N, G): what the inputs add to the gates.
RecurrentState step(RecurrentCell cell, const Tensor& x_gates, const RecurrentState& state,
                    const RecurrentWeights& w) {
  if (cell == RecurrentCell::Lstm) return lstm_step(x_gates, state, w);
  if (cell == RecurrentCell::Gru) return {gru_step(x_gates, state.h, w), {}};
  const Tensor sum = add(from_state(state.h, w), x_gates);
  return {cell == RecurrentCell::Relu ? relu(sum) : tanh(sum), {}};
}

/// `state`, or zeros where it is undefined.
Tensor or_zeros(const Tensor& state, const Tensor& like, int64_t batch, int64_t width) {
  return state.defined() ? state : zeros(Dims{batch, width}, like.dtype(), like.device());
}

/// The first `count` sequences of a state; what is left of it goes on waiting in `rest`.
Tensor first_rows(const Tensor& state, int64_t count) {
  return state.defined() && state.size(0) != count ? narrow(state, 0, 0, count) : state;
}

Tensor with_rest(const Tensor& advanced, const Tensor& before) {
  const int64_t done = advanced.size(0);
  if (done == before.size(0)) return advanced;
  return cat(Tensors{advanced, narrow(before, 0, done, before.size(0) - done)}, 0);
}

}  // namespace

RecurrentState recurrent_cell(RecurrentCell cell, const Tensor& x, const RecurrentState& state,
                              const RecurrentWeights& weights) {
  using namespace autocast;
  constexpr Rules kRules{Rule::Parts, Rule::Lower};
  if (const DeviceType device = x.device().type; rule_of(kRules, device) == Rule::Lower) {
    const Caster cast(device, Rule::Lower);
    const RecurrentWeights& w = weights;
    const RecurrentWeights low{cast(w.ih), cast(w.hh), cast(w.bias_ih), cast(w.bias_hh), {}};
    const RecurrentState from{cast(state.h), cast(state.c)};
    const Tensor input = cast(x);
    const detail::Off off(device);
    return recurrent_cell(cell, input, from, low);
  }
  return step(cell, linear(x, weights.ih, weights.bias_ih), state, weights);
}

SequenceResult composed_sequence(const RecurrentSteps& steps, const Tensor& x,
                                 const RecurrentState& state, const RecurrentWeights& weights) {
  const bool lstm = steps.cell == RecurrentCell::Lstm;
  const int64_t hidden = weights.hh.size(0) / gate_count(steps.cell);
  RecurrentState now{or_zeros(state.h, x, steps.batch, weights.hh.size(1)), {}};
  if (lstm) now.c = or_zeros(state.c, x, steps.batch, hidden);
  const Tensor x_gates =
      reshape(linear(x, weights.ih, weights.bias_ih), Dims{int64_t{-1}, weights.ih.size(0)});
  Tensors outputs(static_cast<size_t>(steps.steps));
  int64_t row = steps.reverse ? x_gates.size(0) : 0;
  for (int64_t i = 0; i < steps.steps; ++i) {
    const int64_t t = steps.reverse ? steps.steps - 1 - i : i;
    const int64_t alive = steps.alive(t);
    if (steps.reverse) row -= alive;
    const RecurrentState next = step(steps.cell, narrow(x_gates, 0, row, alive),
                                     {first_rows(now.h, alive), first_rows(now.c, alive)}, weights);
    outputs[static_cast<size_t>(t)] = next.h;
    now.h = with_rest(next.h, now.h);
    if (lstm) now.c = with_rest(next.c, now.c);
    if (!steps.reverse) row += alive;
  }
  return {cat(outputs, 0), now};
}

}  // namespace nw::ops
