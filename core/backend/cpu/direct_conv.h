#pragma once

#include "core/backend/cpu/window_geometry.h"

/// Convolution in float32 by own kernels, for two dimensions, stride 1 and few channels: there
/// oneDNN's blocks of 16 channels are mostly padding.
namespace nw::cpu {

/// Whether these kernels can do it and are the faster ones, for the pass in question.
bool prefers_direct(const ConvGeometry& geometry);
bool prefers_direct_grad_input(const ConvGeometry& geometry);
bool prefers_direct_grad_weight(const ConvGeometry& geometry);

/// grad_bias[channel] = the sum of grad (N, out, …) over all else, in float64 from sample to
/// sample.
void conv_grad_bias(const ConvGeometry& geometry, const float* grad, float* grad_bias);

void direct_conv(const ConvGeometry& geometry, const float* x, const float* weight,
                 const float* bias, float* y);
void direct_conv_grad_input(const ConvGeometry& geometry, const float* grad, const float* weight,
                            float* grad_x);
void direct_conv_grad_weight(const ConvGeometry& geometry, const float* grad, const float* x,
                             float* grad_weight, float* grad_bias);

}  // namespace nw::cpu
