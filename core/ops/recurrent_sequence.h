#pragma once

#include <optional>

#include "core/backend/recurrent_kernels.h"
#include "core/ops/recurrent.h"

/// Parts of recurrent(): one cell over all steps, or whole layers. Sizes are checked.
namespace nw::ops {

/// What comes out of one layer in one direction.
struct SequenceResult {
  Tensor y;              // (rows, state)
  RecurrentState final;  // (N, state) and (N, hidden)
};

/// x (rows, features), state (N, …); as one kernel with a backward of its own.
SequenceResult fused_sequence(const RecurrentSteps& steps, const Tensor& x,
                              const RecurrentState& state, const RecurrentWeights& weights);
/// The same composed of the ops of recurrent_cell(): for other dtypes, for backends without such a
/// kernel, and its oracle. x may also be (T, N, features) of any strides.
SequenceResult composed_sequence(const RecurrentSteps& steps, const Tensor& x,
                                 const RecurrentState& state, const RecurrentWeights& weights);

/// Whole layers, as one kernel with a backward of its own: x (rows, features), states (cells, N,
/// …), weights of each cell -> y (rows, directions · state), final (cells, N, …). Nothing where the
/// backend has no such kernel, or none for these. `stack`: all but `learns`.
std::optional<SequenceResult> stacked_sequence(RecurrentStack stack, const Tensor& x,
                                               const RecurrentState& state,
                                               std::span<const RecurrentWeights> weights);

}  // namespace nw::ops
