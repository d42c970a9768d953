#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/norm.h"
#include "core/ops/pad.h"
#include "core/ops/pool.h"
#include "core/ops/shape.h"

namespace nw::ops {

namespace {

/// PyTorch's is made of ops: of the average pooling in three dimensions, for all but sequences, and
/// of a power.
autocast::Rules rules_of(const Tensor& x) {
  return x.dim() > 3 ? autocast::kFloat32 : autocast::kFloat32OnGpu;
}

}  // namespace

Tensor local_response_norm(const Tensor& x, int64_t size, double alpha, double beta, double k) {
  if (const auto cast = autocast::run(rules_of(x), local_response_norm, x, size, alpha, beta, k)) {
    return *cast;
  }
  constexpr std::string_view kOp = "LocalResponseNorm";
  check_floating(x, kOp);
  NW_CHECK(x.dim() >= 3, "[LocalResponseNorm] expects at least 3 dimensions, gets ",
           to_string(x.sizes()));
  NW_CHECK(size >= 1, "[LocalResponseNorm] size must be at least 1, is ", size);
  if (x.numel() == 0) return x;
  // A mean over neighbouring channels is a pooling of (channels, the rest) by high windows.
  const int64_t channels = x.size(1);
  const Dims planes{x.size(0), 1, channels, x.numel() / (x.size(0) * channels)};
  const Tensor squares = pad(reshape(mul(x, x), planes), Pads{{size / 2, (size - 1) / 2}, {0, 0}},
                             PadMode::Zeros, kOp);
  const Window window{.kernel = {size, 1}, .stride = {1, 1}, .padding = {0, 0}, .dilation = {1, 1}};
  const Tensor means = reshape(avg_pool(squares, window, Rounding::Down, {}), x.sizes());
  return div(x, pow(affine(means, alpha, k), beta));
}

}  // namespace nw::ops
