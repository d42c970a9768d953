#include "core/ops/recurrent.h"

#include <vector>

#include "core/backend/backend.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/dropout.h"
#include "core/ops/join.h"
#include "core/ops/promotion.h"
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

/// The states of `count` cells from `first` on, among those of all.
RecurrentState states_of(const RecurrentState& all, int64_t first, int64_t count) {
  const auto part = [&](const Tensor& x) {
    return x.defined() && x.size(0) != count ? narrow(x, 0, first, count) : x;
  };
  return {part(all.h), part(all.c)};
}

/// The state of one cell among those of all.
RecurrentState state_of(const RecurrentState& all, int64_t cell) {
  return {all.h.defined() ? select(all.h, 0, cell) : Tensor(),
          all.c.defined() ? select(all.c, 0, cell) : Tensor()};
}

Tensor joined(const Tensors& states) {
  return states.size() == 1 ? states[0] : cat(states, 0);
}

/// One kernel for a cell computes in float32 or float64. Other dtypes go step by step, so that each
/// operation rounds its result as PyTorch's does.
bool fuses(const Tensor& x) {
  const bool wide = x.dtype() == DType::Float32 || x.dtype() == DType::Float64;
  return wide && kernels_of(x).recurrent != nullptr && !autocast::is_on(x.device());
}

bool may_stack(const Tensor& x) {
  const RecurrentKernels* kernels = kernels_of(x).recurrent;
  return kernels != nullptr && kernels->stack_forward != nullptr && !autocast::is_on(x.device());
}

/// Layer after layer, cell by cell. x: rows, or (T, N, features) of sequences of one length.
SequenceResult cell_by_cell(const RecurrentStack& stack, const Tensor& x,
                            const RecurrentState& initial,
                            std::span<const RecurrentWeights> weights) {
  const auto directions = static_cast<size_t>(stack.directions());
  const bool fused = fuses(x);
  Tensor rows = fused && x.dim() == 3 ? flatten(x, 0, 1) : x;
  Tensors h;
  Tensors c;
  for (size_t cell = 0; cell < weights.size(); cell += directions) {
    Tensors ys;
    for (size_t i = 0; i < directions; ++i) {
      const RecurrentSteps steps{stack.cell, i == 1, stack.steps, stack.batch, stack.batch_sizes};
      const auto state = state_of(initial, static_cast<int64_t>(cell + i));
      const SequenceResult result = fused
                                        ? fused_sequence(steps, rows, state, weights[cell + i])
                                        : composed_sequence(steps, rows, state, weights[cell + i]);
      ys.push_back(result.y);
      h.push_back(unsqueeze(result.final.h, 0));
      if (result.final.c.defined()) c.push_back(unsqueeze(result.final.c, 0));
    }
    rows = directions == 1 ? ys[0] : cat(ys, 1);
  }
  return {rows, {joined(h), c.empty() ? Tensor() : joined(c)}};
}

/// Of numbers in a dtype of 16 bits, added up in float32, results in that dtype: what a backend's
/// own kernel for a stack gives or comes close to.
SequenceResult widened(const RecurrentStack& stack, const Tensor& x, const RecurrentState& initial,
                       std::span<const RecurrentWeights> weights) {
  const auto cast = [](const Tensor& tensor) {
    return tensor.defined() ? to(tensor, DType::Float32) : tensor;
  };
  const auto back = [&](const Tensor& tensor) {
    return tensor.defined() ? to(tensor, x.dtype()) : tensor;
  };
  std::vector<RecurrentWeights> all;
  for (const RecurrentWeights& w : weights) {
    all.push_back({cast(w.ih), cast(w.hh), cast(w.bias_ih), cast(w.bias_hh), cast(w.hr)});
  }
  const SequenceResult result =
      cell_by_cell(stack, cast(x), {cast(initial.h), cast(initial.c)}, all);
  return {back(result.y), {back(result.final.h), back(result.final.c)}};
}

/// What takes the place of a stack where the backend has no kernel for it.
using Instead = decltype(cell_by_cell);

RecurrentResult layers(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
                       std::span<const RecurrentWeights> weights, const RecurrentOptions& options,
                       Generator& generator, Instead* instead) {
  const Sizes sizes = check(x, batch_sizes, initial, weights[0], options);
  RecurrentStack stack{.cell = options.cell,
                       .layers = options.dropout > 0 ? 1 : options.layers,
                       .bidirectional = options.bidirectional,
                       .steps = sizes.steps,
                       .batch = sizes.batch,
                       .features = sizes.features,
                       .hidden = sizes.hidden,
                       .state = sizes.state,
                       .biased = weights[0].bias_ih.defined(),
                       .projects = weights[0].hr.defined(),
                       .batch_sizes = batch_sizes};
  const bool stacks = may_stack(x);
  const Dims flat{sizes.steps * sizes.batch, sizes.features};
  const bool dense = (stacks || fuses(x)) && !batch_sizes.defined();
  Tensor rows = dense ? reshape(x, flat) : x;
  Tensors h;
  Tensors c;
  for (int64_t cell = 0; cell < sizes.cells; cell += stack.cells()) {
    if (cell > 0) rows = dropout(rows, options.dropout, generator);
    stack.features = rows.size(-1);
    const auto state = states_of(initial, cell, stack.cells());
    const auto own = weights.subspan(static_cast<size_t>(cell), static_cast<size_t>(stack.cells()));
    auto result = stacks ? stacked_sequence(stack, rows, state, own) : std::nullopt;
    if (!result) result = instead(stack, rows, state, own);
    rows = result->y;
    h.push_back(result->final.h);
    c.push_back(result->final.c);
  }
  RecurrentResult result{rows, {joined(h), {}}};
  if (options.cell == RecurrentCell::Lstm) result.final.c = joined(c);
  if (!batch_sizes.defined()) {
    result.output = reshape(rows, Dims{sizes.steps, sizes.batch, rows.size(1)});
  }
  return result;
}

}  // namespace

RecurrentResult recurrent(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
                          std::span<const RecurrentWeights> weights,
                          const RecurrentOptions& options, Generator& generator) {
  using autocast::Rule;
  if (!x.defined() || autocast::rule_of(kRules, x.device().type) != Rule::Lower) {
    return layers(x, batch_sizes, initial, weights, options, generator, cell_by_cell);
  }
  const DeviceType device = x.device().type;
  const autocast::Caster lower(device, Rule::Lower);
  std::vector<RecurrentWeights> all;
  for (const RecurrentWeights& w : weights) {
    all.push_back({lower(w.ih), lower(w.hh), lower(w.bias_ih), lower(w.bias_hh), lower(w.hr)});
  }
  const RecurrentState state{lower(initial.h), lower(initial.c)};
  const Tensor input = lower(x);
  const autocast::detail::Off off(device);
  const bool rounded = is_half(input.dtype());
  return layers(input, batch_sizes, state, all, options, generator,
                rounded ? widened : cell_by_cell);
}

}  // namespace nw::ops
