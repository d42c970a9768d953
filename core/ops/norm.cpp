#include "core/ops/norm.h"

#include <limits>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/norm_kernels.h"
#include "core/ops/checks.h"
#include "core/ops/layout.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// x (N, C, *) as the kernels see it: (outer, C, inner).
Tensor as_channels(bool innermost, const Tensor& x) {
  const int64_t channels = x.size(1);
  const int64_t others = channels == 0 ? 0 : x.numel() / channels;
  if (innermost) return view_dense(x, Dims{others, channels, 1});
  const int64_t samples = x.size(0);
  return view_dense(x, Dims{samples, channels, samples == 0 ? 0 : others / samples});
}

/// The dtype of statistics: that of x, but not as coarse as 16 bits.
Tensor new_statistics(const Dims& sizes, const Tensor& x) {
  const bool wide = x.dtype() == DType::Float64;
  return empty(sizes, wide ? DType::Float64 : DType::Float32, x.device());
}

void check_channels(const Tensor& given, int64_t channels, const Tensor& x, std::string_view what,
                    std::string_view op) {
  if (!given.defined()) return;
  check_alike(x, given, op);
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

/// x normalised by its own moments, or by fixed ones if `mean` is defined before; both are those of
/// (outer, C, inner).
Tensor normalise(const Tensor& given, const Tensor& weight, const Tensor& bias, double eps,
                 bool fixed, const Tensor& mean, const Tensor& variance, std::string_view op) {
  const Tensor gain = dense(weight);
  const bool innermost = is_channels_innermost(given);
  const Tensor x = laid_out(given, innermost);
  const Tensor y = new_laid_out(x.sizes(), x, innermost);
  const Tensor flat_x = as_channels(innermost, x);
  const NormKernels& kernels = *kernels_of(x).norm;
  if (fixed) {
    kernels.batch_norm_fixed(flat_x, mean, variance, gain, dense(bias), eps,
                             as_channels(innermost, y));
  } else {
    kernels.batch_norm(flat_x, gain, dense(bias), eps, as_channels(innermost, y), mean, variance);
  }
  if (needs_record(given, weight, bias)) {
    record(op, y, std::array{given, weight, bias}, std::array{x, mean, variance, gain},
           [innermost, eps, fixed](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                   const std::array<Tensor, 4>& saved) {
             const auto& [input, middle, spread, weights] = saved;
             const Tensor grad = laid_out(grads[0], innermost);
             const Dims channels{input.size(1)};
             Tensor grad_x;
             if (node.needs_grad(0)) grad_x = new_laid_out(input.sizes(), input, innermost);
             if (node.needs_grad(1)) grad_inputs[1] = new_result(channels, input);
             if (node.needs_grad(2)) grad_inputs[2] = new_result(channels, input);
             kernels_of(grad).norm->batch_norm_grad(
                 as_channels(innermost, grad), as_channels(innermost, input), middle, spread,
                 weights, eps, fixed, grad_x.defined() ? as_channels(innermost, grad_x) : Tensor(),
                 grad_inputs[1], grad_inputs[2]);
             grad_inputs[0] = grad_x;
           });
  }
  return y;
}

void check_dimensions(const Tensor& x, int64_t least, std::string_view op) {
  check_floating(x, op);
  NW_CHECK(x.dim() >= least, "[", op, "] expects at least ", least, " dimensions, gets ",
           batched_text(x.sizes()));
}

/// Counts the batch and lets the running statistics move.
void track(const RunningStatistics& running, const BatchNormOptions& options, double correction,
           const Tensor& x, const Tensor& mean, const Tensor& variance) {
  if (!running.defined()) return;
  const BatchTracking tracking{.momentum = options.momentum.value_or(0),
                               .cumulative = !options.momentum.has_value(),
                               .correction = correction};
  kernels_of(x).norm->track(tracking, mean, variance, running.batches, running.mean,
                            running.variance);
  running.mean.storage()->bump_version();
  running.variance.storage()->bump_version();
  if (running.batches.defined()) running.batches.storage()->bump_version();
}

/// n / (n − 1)
double bessel(int64_t count) {
  return static_cast<double>(count) / static_cast<double>(count - 1);
}

/// (C) values, repeated for each of `samples` samples: (samples · C).
Tensor repeated(const Tensor& x, int64_t samples) {
  if (!x.defined()) return x;
  const Tensor out = new_result(Dims{samples, x.size(0)}, x);
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
  const auto again = [&](const Tensor& input, const Tensor& gain, const Tensor& shift,
                         const Tensor& mean, const Tensor& variance) {
    return batch_norm(input, gain, shift, {mean, variance, running.batches}, options);
  };
  if (const auto y = of_mixed(again, x, weight, bias, running.mean, running.variance)) return *y;
  check_dimensions(x, 2, "BatchNorm");
  const int64_t count = values_per_channel(x.sizes(), 0);
  NW_CHECK(!options.training || count != 1,
           "[BatchNorm] expects more than 1 value per channel when training, gets ",
           to_string(x.sizes()));
  if (x.numel() == 0) {
    check_weight_of_channels(weight, "BatchNorm");
    if (options.training) track(running, options, 1, x, {}, {});
    return nothing(x, weight, bias, "BatchNorm");
  }
  const int64_t channels = x.size(1);
  check_channels(running.mean, channels, x, "running mean", "BatchNorm");
  check_channels(running.variance, channels, x, "running variance", "BatchNorm");
  check_channels(weight, channels, x, "weight", "BatchNorm");
  check_channels(bias, channels, x, "bias", "BatchNorm");
  if (!options.training) {
    NW_CHECK(running.defined(), "[BatchNorm] expects running statistics outside training");
    return normalise(x, weight, bias, options.eps, true, dense(running.mean),
                     dense(running.variance), "BatchNorm");
  }
  const Tensor mean = new_statistics(Dims{channels}, x);
  const Tensor variance = new_statistics(Dims{channels}, x);
  const Tensor y = normalise(x, weight, bias, options.eps, false, mean, variance, "BatchNorm");
  track(running, options, bessel(count), x, mean, variance);
  return y;
}

namespace {

/// By the statistics of x: batch normalisation of one sample that has the channels of all. Gives
/// the moments (N · C).
Tensor normalise_instances(const Tensor& given, const Tensor& weight, const Tensor& bias,
                           double eps, const Tensor& mean, const Tensor& variance) {
  const Tensor x = raw::contiguous(given);
  const int64_t samples = x.size(0);
  const int64_t instances = samples * x.size(1);
  const Dims flat{1, instances, x.numel() / instances};
  const Tensor y = new_result(x.sizes(), x);
  kernels_of(x).norm->batch_norm(view_dense(x, flat), repeated(weight, samples),
                                 repeated(bias, samples), eps, view_dense(y, flat), mean, variance);
  if (needs_record(given, weight, bias)) {
    record("InstanceNorm", y, std::array{given, weight, bias},
           std::array{x, mean, variance, weight},
           [flat, eps, samples](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 4>& saved) {
             const Tensor grad = raw::contiguous(grads[0]);
             const Tensor& input = saved[0];
             const Dims channels{input.size(1)};
             const auto wanted = [&](size_t i, const Dims& sizes) {
               return node.needs_grad(i) ? new_result(sizes, input) : Tensor();
             };
             const Tensor grad_x = wanted(0, flat);
             const Tensor grad_weight = wanted(1, Dims{samples, channels[0]});
             const Tensor grad_bias = wanted(2, Dims{samples, channels[0]});
             kernels_of(grad).norm->batch_norm_grad(view_dense(grad, flat), view_dense(input, flat),
                                                    saved[1], saved[2], repeated(saved[3], samples),
                                                    eps, false, grad_x, grad_weight, grad_bias);
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
  const auto again = [&](const Tensor& input, const Tensor& gain, const Tensor& shift,
                         const Tensor& mean, const Tensor& variance) {
    return instance_norm(input, gain, shift, {mean, variance, running.batches}, options);
  };
  if (const auto y = of_mixed(again, x, weight, bias, running.mean, running.variance)) return *y;
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
  if (!options.training) {
    NW_CHECK(running.defined(), "[InstanceNorm] expects running statistics outside training");
    return normalise(x, weight, bias, options.eps, true, dense(running.mean),
                     dense(running.variance), kOp);
  }
  const int64_t samples = x.size(0);
  const Tensor mean = new_statistics(Dims{samples * channels}, x);
  const Tensor variance = new_statistics(Dims{samples * channels}, x);
  const Tensor y = normalise_instances(x, weight, bias, options.eps, mean, variance);
  if (running.defined()) {
    NW_CHECK(options.momentum.has_value(), "[InstanceNorm] expects a momentum");
    track({running.mean, running.variance, {}}, options, bessel(count), x,
          mean_of_samples(mean, samples), mean_of_samples(variance, samples));
  }
  return y;
}

}  // namespace nw::ops
