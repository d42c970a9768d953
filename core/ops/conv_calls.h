#pragma once

#include <utility>

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

/// The three products of a convolution without history, for every dtype that core/ops/conv.h names:
/// they choose the layout of what they make, and compose complex ones of real ones.
namespace nw::ops::raw_conv {

/// Whether a convolution between so many channels runs with the channels innermost.
bool prefers_innermost(const Tensor& x, int64_t in_channels, int64_t out_channels,
                       const Window& window);

/// Which factor of a complex product is taken conjugated.
enum class Conjugate : uint8_t { Neither, First, Second };

/// x (N, C, …), weight (out, C/groups, kernel…), bias (out) or undefined -> (y_sizes)
Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
               const Dims& y_sizes, Conjugate conjugate);
/// grad (N, out, …) -> (x_sizes)
Tensor grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                  const Dims& x_sizes, Conjugate conjugate);
/// The gradients of the weight and, if asked for, of the bias.
std::pair<Tensor, Tensor> grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                                      const Dims& weight_sizes, bool with_bias,
                                      Conjugate conjugate);
/// y + bias (C) for each channel of y (N, C, …).
Tensor add_bias(const Tensor& y, const Tensor& bias);
/// grad (N, C, …) summed up for each channel.
Tensor sum_to_channels(const Tensor& grad);

}  // namespace nw::ops::raw_conv
