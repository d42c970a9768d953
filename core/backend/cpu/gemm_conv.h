#pragma once

#include "core/backend/cpu/window_geometry.h"

/// Convolution by matrix products over the columns of each sample: for float64, and where oneDNN
/// cannot. Instantiated for float and double; everything is dense row-major.
namespace nw::cpu {

template <typename T>
void gemm_conv(const ConvGeometry& geometry, const T* x, const T* weight, const T* bias, T* y);
template <typename T>
void gemm_conv_grad_input(const ConvGeometry& geometry, const T* grad, const T* weight, T* grad_x);
/// `grad_bias` may be null.
template <typename T>
void gemm_conv_grad_weight(const ConvGeometry& geometry, const T* grad, const T* x, T* grad_weight,
                           T* grad_bias);

}  // namespace nw::cpu
