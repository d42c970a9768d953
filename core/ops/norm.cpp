#include "core/ops/norm.h"

#include <limits>
#include <utility>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/norm_kernels.h"
#include "core/ops/checks.h"
#include "core/ops/in_place.h"
#include "core/ops/layout.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// The dtype of statistics: that of x, but not as coarse as 16 bits.
Tensor new_statistics(const Dims& sizes, const Tensor& x) {
  const bool wide = x.dtype() == DType::Float64;
  return empty(sizes, wide ? DType::Float64 : DType::Float32, x.device());
}

/// Weights and statistics of 16-bit numbers may be float32, as in torch.
void check_channels(const Tensor& given, int64_t channels, const Tensor& x, std::string_view what,
                    std::string_view op) {
  if (!given.defined()) return;
  if (is_half(x.dtype()) && given.dtype() == DType::Float32) {
    check_device(x, given, op);
  } else {
    check_alike(x, given, op);
  }
  NW_CHECK(given.sizes() == Dims{channels}, "[", op, "] expects a ", what, " for each of the ",
           channels, " channels of the input ", batched_text(x.sizes()), ", gets ",
           to_string(given.sizes()));
}

void check_weight_of_channels(const Tensor& weight, std::string_view op) {
  NW_CHECK(!weight.defined() || weight.numel() > 0, "[", op,
           "] expects at least one channel for weight and bias, gets none");
}

/// The values that a channel has: all sizes but that of dimension 1.
int64_t values_per_channel(const Dims& sizes, size_t first_of_others) {
  int64_t count = 1;
  for (size_t i = first_of_others; i < sizes.size(); ++i) count *= i == 1 ? 1 : sizes[i];
  return count;
}

Tensor zeros_or_none(bool wanted, const Tensor& like) {
  return wanted ? zeros(like.sizes(), like.dtype(), like.device()) : Tensor();
}

/// The result for an input without numbers, whose gradients are 0.
Tensor nothing(const Tensor& x, const Tensor& weight, const Tensor& bias, std::string_view op) {
  const Tensor y = new_result(x.sizes(), x);
  if (needs_record(x, weight, bias)) {
    record(op, y, std::array{x, weight, bias}, std::array{x, weight, bias},
           [](const Node& node, const Tensors&, Tensors& grad_inputs,
              const std::array<Tensor, 3>& saved) {
             for (size_t i = 0; i < 3; ++i) {
               grad_inputs[i] = zeros_or_none(node.needs_grad(i), saved[i]);
             }
           });
  }
  return y;
}

/// `x`, or a dense copy; undefined as it is.
Tensor dense(const Tensor& x) {
  return x.defined() ? raw::contiguous(x) : x;
}

BatchTracking tracking_of(const BatchNormOptions& options) {
  return {.momentum = options.momentum.value_or(0), .cumulative = !options.momentum.has_value()};
}

/// Where `dense` was written instead of `to`, which may be undefined.
void give_back(const Tensor& dense, const Tensor& to) {
  if (!to.defined()) return;
  if (!dense.is_same(to)) raw::copy_(to, dense);
  to.storage()->bump_version();
}

/// Memory for the gradient of input number i, which is like `input` then.
Tensor new_grad(const Node& node, size_t i, DType dtype, const Dims& sizes, const Tensor& like) {
  return node.needs_grad(i) ? empty(sizes, dtype, like.device()) : Tensor();
}

DType dtype_of(const Tensor& x) {
  return x.defined() ? x.dtype() : DType::Float32;
}

/// x normalised by `running`, or in training by its own moments, which those take up.
Tensor normalise(const Tensor& given, const Tensor& weight, const Tensor& bias,
                 const RunningStatistics& running, const BatchNormOptions& options,
                 std::string_view op) {
  const Tensor gain = dense(weight);
  const bool innermost = is_channels_innermost(given);
  const Tensor x = laid_out(given, innermost);
  const Tensor y = new_laid_out(x.sizes(), x, innermost);
  const NormKernels& kernels = *kernels_of(x).norm;
  const double eps = options.eps;
  const bool fixed = !options.training;
  Tensor mean = dense(running.mean);
  Tensor spread = dense(running.variance);
  Tensor kept;
  if (fixed) {
    kernels.batch_norm_fixed(x, mean, spread, gain, dense(bias), eps, y);
  } else {
    const Tensor running_mean = std::exchange(mean, new_statistics(Dims{x.size(1)}, x));
    const Tensor running_variance = std::exchange(spread, new_statistics(Dims{x.size(1)}, x));
    kernels.batch_norm(x, gain, dense(bias), eps, tracking_of(options), running.batches,
                       running_mean, running_variance, y, mean, spread, kept);
    give_back(running_mean, running.mean);
    give_back(running_variance, running.variance);
    if (running.batches.defined()) running.batches.storage()->bump_version();
  }
  if (needs_record(given, weight, bias)) {
    record(op, y, std::array{given, weight, bias}, std::array{x, mean, spread, kept, gain},
           [innermost, eps, fixed, bias_dtype = dtype_of(bias)](
               const Node& node, const Tensors& grads, Tensors& grad_inputs,
               const std::array<Tensor, 5>& saved) {
             const auto& [input, middle, deviation, rest, weights] = saved;
             const Tensor grad = laid_out(grads[0], innermost);
             const Dims channels{input.size(1)};
             if (node.needs_grad(0)) {
               grad_inputs[0] = new_laid_out(input.sizes(), input, innermost);
             }
             grad_inputs[1] = new_grad(node, 1, dtype_of(weights), channels, input);
             grad_inputs[2] = new_grad(node, 2, bias_dtype, channels, input);
             const NormKernels& backward = *kernels_of(grad).norm;
             if (fixed) {
               backward.batch_norm_fixed_grad(grad, input, middle, deviation, weights, eps,
                                              grad_inputs[0], grad_inputs[1], grad_inputs[2]);
             } else {
               backward.batch_norm_grad(grad, input, middle, deviation, rest, weights, eps,
                                        grad_inputs[0], grad_inputs[1], grad_inputs[2]);
             }
           });
  }
  return y;
}

void check_dimensions(const Tensor& x, int64_t least, std::string_view op) {
  check_floating(x, op);
  NW_CHECK(x.dim() >= least, "[", op, "] expects at least ", least, " dimensions, gets ",
           batched_text(x.sizes()));
}

/// (C) values, repeated for each of `samples` samples: (samples · C).
Tensor repeated(const Tensor& x, int64_t samples, DType dtype) {
  if (!x.defined()) return x;
  const Tensor out = empty(Dims{samples, x.size(0)}, dtype, x.device());
  raw::copy_(out, x);
  return view_dense(out, Dims{samples * x.size(0)});
}

/// The mean over the samples of values (samples · C), in wide numbers.
Tensor mean_of_samples(const Tensor& values, int64_t samples) {
  const int64_t channels = values.numel() / samples;
  const Tensor summed = new_result(Dims{1, channels}, values);
  kernels_of(values).sum(view_dense(values, Dims{samples, channels}), summed);
  const Tensor out = new_result(Dims{channels}, values);
  kernels_of(values).affine(view_dense(summed, Dims{channels}), 1 / static_cast<double>(samples), 0,
                            out);
  return out;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const RunningStatistics& running, const BatchNormOptions& options) {
  check_dimensions(x, 2, "BatchNorm");
  const int64_t count = values_per_channel(x.sizes(), 0);
  NW_CHECK(!options.training || count != 1,
           "[BatchNorm] expects more than 1 value per channel when training, gets ",
           to_string(x.sizes()));
  if (x.numel() == 0) {
    check_weight_of_channels(weight, "BatchNorm");
    if (options.training && running.batches.defined()) add_(running.batches, 1);
    return nothing(x, weight, bias, "BatchNorm");
  }
  const int64_t channels = x.size(1);
  check_channels(running.mean, channels, x, "running mean", "BatchNorm");
  check_channels(running.variance, channels, x, "running variance", "BatchNorm");
  check_channels(weight, channels, x, "weight", "BatchNorm");
  check_channels(bias, channels, x, "bias", "BatchNorm");
  NW_CHECK(options.training || running.defined(),
           "[BatchNorm] expects running statistics outside training");
  return normalise(x, weight, bias, running, options, "BatchNorm");
}

namespace {

/// By the statistics of x: batch normalisation of one sample that has the channels of all. Each
/// sample's statistics move the running ones, and what comes of these is averaged.
Tensor normalise_instances(const Tensor& given, const Tensor& weight, const Tensor& bias,
                           const RunningStatistics& running, const BatchNormOptions& options) {
  const Tensor x = raw::contiguous(given);
  const int64_t samples = x.size(0);
  const int64_t instances = samples * x.size(1);
  const double eps = options.eps;
  const Dims flat{1, instances, x.numel() / instances};
  const Tensor y = new_result(x.sizes(), x);
  const Tensor mean = new_statistics(Dims{instances}, x);
  const Tensor rstd = new_statistics(Dims{instances}, x);
  const Tensor means = repeated(running.mean, samples, mean.dtype());
  const Tensor variances = repeated(running.variance, samples, mean.dtype());
  Tensor kept;
  kernels_of(x).norm->batch_norm(view_dense(x, flat), repeated(weight, samples, dtype_of(weight)),
                                 repeated(bias, samples, dtype_of(bias)), eps, tracking_of(options),
                                 {}, means, variances, view_dense(y, flat), mean, rstd, kept);
  if (running.defined()) {
    give_back(mean_of_samples(means, samples), running.mean);
    give_back(mean_of_samples(variances, samples), running.variance);
  }
  if (needs_record(given, weight, bias)) {
    record(
        "InstanceNorm", y, std::array{given, weight, bias}, std::array{x, mean, rstd, kept, weight},
        [flat, eps, samples, bias_dtype = dtype_of(bias)](const Node& node, const Tensors& grads,
                                                          Tensors& grad_inputs,
                                                          const std::array<Tensor, 5>& saved) {
          const Tensor grad = raw::contiguous(grads[0]);
          const Tensor& input = saved[0];
          const Tensor& weights = saved[4];
          const Dims channels{input.size(1)};
          const Dims each{samples, channels[0]};
          const Tensor grad_x = new_grad(node, 0, input.dtype(), flat, input);
          const Tensor grad_weight = new_grad(node, 1, dtype_of(weights), each, input);
          const Tensor grad_bias = new_grad(node, 2, bias_dtype, each, input);
          kernels_of(grad).norm->batch_norm_grad(
              view_dense(grad, flat), view_dense(input, flat), saved[1], saved[2], saved[3],
              repeated(weights, samples, dtype_of(weights)), eps, grad_x, grad_weight, grad_bias);
          if (grad_x.defined()) grad_inputs[0] = view_dense(grad_x, input.sizes());
          if (grad_weight.defined()) grad_inputs[1] = sum_to(grad_weight, channels);
          if (grad_bias.defined()) grad_inputs[2] = sum_to(grad_bias, channels);
        });
  }
  return y;
}

/// As in PyTorch, the mean over no samples is no number, and weights for no samples are refused.
void take_no_samples(const Tensor& x, const RunningStatistics& running, const Tensor& weight,
                     const Tensor& bias) {
  NW_CHECK(!weight.defined() && !bias.defined(),
           "[InstanceNorm] expects at least one sample for weight and bias, gets none");
  if (!running.defined()) return;
  // PyTorch copies the statistics of no samples, which broadcast from one channel.
  if (x.size(1) != 1) check_channels(running.mean, x.size(1), x, "running mean", "InstanceNorm");
  raw::fill_(running.mean, std::numeric_limits<double>::quiet_NaN());
  raw::fill_(running.variance, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const RunningStatistics& running, const BatchNormOptions& options) {
  constexpr std::string_view kOp = "InstanceNorm";
  check_dimensions(x, 2, kOp);
  const int64_t count = values_per_channel(x.sizes(), 2);
  NW_CHECK(!options.training || count != 1,
           "[InstanceNorm] expects more than 1 value per channel and sample when training, gets ",
           to_string(x.sizes()));
  if (x.numel() == 0) {
    check_weight_of_channels(weight, kOp);
    if (x.size(0) == 0) {
      take_no_samples(x, running, weight, bias);
    } else {
      check_channels(running.mean, x.size(1), x, "running mean", kOp);
    }
    return nothing(x, weight, bias, kOp);
  }
  const int64_t channels = x.size(1);
  check_channels(running.mean, channels, x, "running mean", kOp);
  check_channels(running.variance, channels, x, "running variance", kOp);
  check_channels(weight, channels, x, "weight", kOp);
  check_channels(bias, channels, x, "bias", kOp);
  NW_CHECK(options.training || running.defined(),
           "[InstanceNorm] expects running statistics outside training");
  if (!options.training) return normalise(x, weight, bias, running, options, kOp);
  NW_CHECK(!running.defined() || options.momentum.has_value(), "[InstanceNorm] expects a momentum");
  return normalise_instances(x, weight, bias, running, options);
}

}  // namespace nw::ops
