#pragma once

#include <cstdint>
#include <string>

#include "core/base/small_vector.h"

namespace nw {

/// Tensors have at most this many dimensions.
inline constexpr size_t kMaxDims = 8;

/// Sizes or strides (in elements) of a tensor, outermost first. Lives on the stack.
using Dims = SmallVector<int64_t, kMaxDims>;

/// Product of the sizes; 1 for a scalar. Throws Error when negative or beyond 2⁶³.
int64_t numel(const Dims& sizes);
/// Strides of a dense row-major tensor of these sizes.
Dims contiguous_strides(const Dims& sizes);
/// Strides of a dense (N, C, spatial…) tensor that keeps the channels innermost.
Dims channels_last_strides(const Dims& sizes);
/// Whether the elements fill one stretch of memory, each place once, in whatever order of
/// dimensions.
bool is_dense_any_order(const Dims& sizes, const Dims& strides);
/// Torch's broadcasting; `op` starts the error message.
Dims broadcast(const Dims& a, const Dims& b, std::string_view op);
/// Maps a possibly negative dimension into 0 … rank−1; throws Error when outside.
int64_t wrap_dim(int64_t dim, int64_t rank, std::string_view op);
/// "16×6×6"; "scalar" when empty.
std::string to_string(const Dims& sizes);

}  // namespace nw
