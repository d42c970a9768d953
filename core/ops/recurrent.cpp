#include "core/ops/recurrent.h"

#include <vector>

#include "core/backend/backend.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/dropout.h"
#include "core/ops/join.h"
#include "core/ops/recurrent_sequence.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::ops {
namespace {

/// On the CPU the products act by themselves.
constexpr autocast::Rules kRules{autocast::Rule::Parts, autocast::Rule::Lower};

/// As torch, which takes any floating dtypes together under autocast.
void check_kinds(const Tensor& x, const Tensor& other, std::string_view op) {
  if (!autocast::is_on(x.device())) return check_inexact_alike(x, other, op);
  check_inexact(x, op);
  check_inexact(other, op);
  check_device(x, other, op);
}

/// The sizes that go with one another, found from the weights.
struct Sizes {
  int64_t steps, batch, features, state, hidden, cells;
};

void check_state(const Tensor& state, int64_t width, const Sizes& sizes, const Tensor& x,
                 std::string_view name, std::string_view op) {
  if (!state.defined()) return;
  check_kinds(x, state, op);
  const Dims expected{sizes.cells, sizes.batch, width};
  NW_CHECK(state.sizes() == expected, "[", op, "] expects ", name, " of ", to_string(expected),
           " (layers · directions, batch, size), gets ", to_string(state.sizes()));
}

Sizes check(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
            const RecurrentWeights& first, const RecurrentOptions& options) {
  const std::string_view op = options.op;
  check_kinds(x, first.ih, op);
  const bool packed = batch_sizes.defined();
  NW_CHECK(x.dim() == (packed ? 2 : 3), "[", op, "] expects ",
           packed ? "2 dimensions of packed sequences" : "3 dimensions (time, batch, features)",
           ", gets ", to_string(x.sizes()));
  const Sizes sizes{.steps = packed ? batch_sizes.size(0) : x.size(0),
                    .batch = packed ? batch_sizes.data<int64_t>()[0] : x.size(1),
                    .features = first.ih.size(1),
                    .state = first.hh.size(1),
                    .hidden = first.hh.size(0) / gate_count(options.cell),
                    .cells = options.layers * (options.bidirectional ? 2 : 1)};
  if (x.sizes().back() != sizes.features) {
    throw Error(concat("[", op, "] expects ", sizes.features,
                       " features on the last dimension, gets ", x.sizes().back()),
                Remedy{"input_size", x.sizes().back()});
  }
  NW_CHECK(sizes.steps > 0, "[", op, "] expects at least one step of time, gets 0");
  check_state(initial.h, sizes.state, sizes, x, "h_0", op);
  check_state(initial.c, sizes.hidden, sizes, x, "c_0", op);
  if (options.cell == RecurrentCell::Lstm) {
    NW_CHECK(initial.h.defined() == initial.c.defined(), "[", op,
             "] expects h_0 and c_0 together, gets one of them");
  }
  return sizes;
}

/// The state of one cell among those of all.
RecurrentState state_of(const RecurrentState& all, int64_t cell) {
  return {all.h.defined() ? select(all.h, 0, cell) : Tensor(),
          all.c.defined() ? select(all.c, 0, cell) : Tensor()};
}

/// (cells, N, …) of the states of all.
Tensor joined(const Tensors& states) {
  return states.size() == 1 ? unsqueeze(states[0], 0) : stack(states, 0);
}

/// One kernel for a layer computes in float32 or float64. Other dtypes go step by step, so that
/// each operation rounds its result as PyTorch's does.
bool fuses(const Tensor& x) {
  const bool wide = x.dtype() == DType::Float32 || x.dtype() == DType::Float64;
  return wide && kernels_of(x).recurrent != nullptr && !autocast::is_on(x.device());
}

/// As cuDNN under autocast: of numbers in its dtype, added up in float32, results in its dtype.
RecurrentResult lowered(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
                        std::span<const RecurrentWeights> weights, const RecurrentOptions& options,
                        Generator& generator) {
  const DeviceType device = x.device().type;
  const autocast::Caster lower(device, autocast::Rule::Lower);
  const autocast::Caster widen(device, autocast::Rule::Float32);
  const auto cast = [&](const Tensor& tensor) { return widen(lower(tensor)); };
  std::vector<RecurrentWeights> all;
  for (const RecurrentWeights& w : weights) {
    all.push_back({cast(w.ih), cast(w.hh), cast(w.bias_ih), cast(w.bias_hh), cast(w.hr)});
  }
  const RecurrentState state{cast(initial.h), cast(initial.c)};
  const Tensor input = cast(x);
  const autocast::detail::Off off(device);
  const RecurrentResult result = recurrent(input, batch_sizes, state, all, options, generator);
  return {lower(result.output), {lower(result.final.h), lower(result.final.c)}};
}

}  // namespace

RecurrentResult recurrent(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
                          std::span<const RecurrentWeights> weights,
                          const RecurrentOptions& options, Generator& generator) {
  if (x.defined() && autocast::rule_of(kRules, x.device().type) == autocast::Rule::Lower) {
    return lowered(x, batch_sizes, initial, weights, options, generator);
  }
  const Sizes sizes = check(x, batch_sizes, initial, weights[0], options);
  const bool fused = fuses(x);
  const size_t directions = options.bidirectional ? 2 : 1;
  const Dims flat{sizes.steps * sizes.batch, sizes.features};
  Tensor rows = fused && !batch_sizes.defined() ? reshape(x, flat) : x;
  Tensors h;
  Tensors c;
  for (size_t cell = 0; cell < weights.size(); cell += directions) {
    Tensors ys;
    for (size_t i = 0; i < directions; ++i) {
      const RecurrentSteps steps{options.cell, i == 1, sizes.steps, sizes.batch, batch_sizes};
      const auto state = state_of(initial, static_cast<int64_t>(cell + i));
      const SequenceResult result = fused
                                        ? fused_sequence(steps, rows, state, weights[cell + i])
                                        : composed_sequence(steps, rows, state, weights[cell + i]);
      ys.push_back(result.y);
      h.push_back(result.final.h);
      c.push_back(result.final.c);
    }
    rows = directions == 1 ? ys[0] : cat(ys, 1);
    const bool last = cell + directions == weights.size();
    if (options.dropout > 0 && !last) rows = dropout(rows, options.dropout, generator);
  }
  RecurrentResult result{rows, {joined(h), {}}};
  if (options.cell == RecurrentCell::Lstm) result.final.c = joined(c);
  if (!batch_sizes.defined()) {
    result.output = reshape(rows, Dims{sizes.steps, sizes.batch, rows.size(1)});
  }
  return result;
}

}  // namespace nw::ops
