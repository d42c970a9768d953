#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/norm_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/norm.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

/// Dense memory for a gradient; undefined unless it is wanted.
Tensor wanted(bool wants, const Dims& sizes, const Tensor& like) {
  return wants ? new_result(sizes, like) : Tensor();
}

/// x seen as (samples, groups, channels, inner), normalised over the last two; weight and bias, if
/// defined, have groups · channels numbers.
Tensor normalise(const Tensor& given, const Dims& view, const Tensor& weight, const Tensor& bias,
                 double eps, std::string_view op) {
  const Tensor x = raw::contiguous(given);
  const Tensor y = new_result(x.sizes(), x);
  const DType wide = x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  const Tensor mean = empty(Dims{view[0], view[1]}, wide, x.device());
  const Tensor rstd = empty(Dims{view[0], view[1]}, wide, x.device());
  if (x.numel() > 0) {
    const Tensor gain = weight.defined() ? raw::contiguous(weight) : weight;
    const Tensor shift = bias.defined() ? raw::contiguous(bias) : bias;
    kernels_of(x).norm->group_norm(view_dense(x, view), gain, shift, eps, view_dense(y, view), mean,
                                   rstd);
  }
  if (autograd::needs_record(given, weight, bias)) {
    const Dims weight_sizes = weight.defined() ? weight.sizes()
                              : bias.defined() ? bias.sizes()
                                               : Dims{};
    autograd::record(
        op, y, std::array{given, weight, bias}, std::array{x, mean, rstd, weight},
        [view, weight_sizes](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
                             const std::array<Tensor, 4>& saved) {
          const Tensor& input = saved[0];
          const Tensor grad = raw::contiguous(grads[0]);
          grad_inputs[0] = wanted(node.needs_grad(0), input.sizes(), input);
          grad_inputs[1] = wanted(node.needs_grad(1), weight_sizes, input);
          grad_inputs[2] = wanted(node.needs_grad(2), weight_sizes, input);
          if (input.numel() == 0) {
            for (const Tensor& empty_grad : grad_inputs) {
              if (empty_grad.defined()) raw::fill_(empty_grad, 0);
            }
            return;
          }
          const Tensor gain = saved[3].defined() ? raw::contiguous(saved[3]) : saved[3];
          const Tensor grad_x =
              grad_inputs[0].defined() ? view_dense(grad_inputs[0], view) : grad_inputs[0];
          kernels_of(grad).norm->group_norm_grad(view_dense(grad, view), view_dense(input, view),
                                                 saved[1], saved[2], gain, grad_x, grad_inputs[1],
                                                 grad_inputs[2]);
        });
  }
  return y;
}

void check_weight(const Tensor& given, const Dims& sizes, const Tensor& x, std::string_view what,
                  std::string_view op) {
  if (!given.defined()) return;
  check_alike(x, given, op);
  NW_CHECK(given.sizes() == sizes, "[", op, "] expects a ", what, " of sizes ", to_string(sizes),
           ", gets ", to_string(given.sizes()));
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, const Tensor& bias,
                  double eps) {
  if (const auto cast =
          autocast::run(autocast::kFloat32OnGpu, layer_norm, x, normalized, weight, bias, eps))
    return *cast;
  const auto again = [&](const Tensor& input, const Tensor& gain, const Tensor& shift) {
    return layer_norm(input, normalized, gain, shift, eps);
  };
  if (const auto y = of_mixed(again, x, weight, bias)) return *y;
  constexpr std::string_view kOp = "LayerNorm";
  check_floating(x, kOp);
  NW_CHECK(!normalized.empty(), "[LayerNorm] normalized_shape must have at least one size");
  check_weight(weight, normalized, x, "weight", kOp);
  check_weight(bias, normalized, x, "bias", kOp);
  const size_t rank = x.sizes().size();
  const bool fits =
      rank >= normalized.size() && std::equal(normalized.begin(), normalized.end(),
                                              x.sizes().begin() + (rank - normalized.size()));
  NW_CHECK(fits, "[LayerNorm] expects the last sizes to be ", to_string(normalized), ", gets ",
           batched_text(x.sizes()));
  const int64_t columns = numel(normalized);
  const int64_t rows = columns == 0 ? 0 : x.numel() / columns;
  return normalise(x, Dims{rows, 1, columns, 1}, weight, bias, eps, kOp);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  if (const auto cast =
          autocast::run(autocast::kFloat32OnGpu, group_norm, x, groups, weight, bias, eps))
    return *cast;
  const auto again = [&](const Tensor& input, const Tensor& gain, const Tensor& shift) {
    return group_norm(input, groups, gain, shift, eps);
  };
  if (const auto y = of_mixed(again, x, weight, bias)) return *y;
  constexpr std::string_view kOp = "GroupNorm";
  check_floating(x, kOp);
  NW_CHECK(x.dim() >= 2, "[GroupNorm] expects at least 2 dimensions, gets ",
           batched_text(x.sizes()));
  NW_CHECK(groups > 0, "[GroupNorm] num_groups must be greater than 0, is ", groups);
  const int64_t samples = x.size(0);
  const int64_t channels = x.size(1);
  NW_CHECK(channels % groups == 0, "[GroupNorm] channels (", channels,
           ") must be divisible by num_groups (", groups, ")");
  const Dims rest(x.sizes().begin() + 2, x.sizes().end());
  const int64_t inner = numel(rest);
  NW_CHECK(samples * channels / groups * inner != 1,
           "[GroupNorm] expects more than 1 value per group, gets ", to_string(x.sizes()));
  check_weight(weight, Dims{channels}, x, "weight", kOp);
  check_weight(bias, Dims{channels}, x, "bias", kOp);
  return normalise(x, Dims{samples, groups, channels / groups, inner}, weight, bias, eps, kOp);
}

}  // namespace nw::ops
