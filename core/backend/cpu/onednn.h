#pragma once

#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/window_geometry.h"

/// What oneDNN computes for us, in float32. Primitives are made once for each geometry and kept by
/// the thread that uses them; their working memory comes from our allocator.
namespace nw::cpu {

/// Runs the product if it is large enough for oneDNN to be the faster; returns whether it did.
bool onednn_gemm(const Gemm<float>& gemm);

/// Whether oneDNN computes the gradient of the weight rightly. Version 2.6 does not on AVX-512 in
/// three dimensions when more padding than one stride lies in front of the depth, and writes
/// outside of its memory: found by comparing 35,000 random geometries with plain loops.
bool onednn_can_grad_weight(const ConvGeometry& geometry);

void onednn_conv(const ConvGeometry& geometry, const float* x, const float* weight,
                 const float* bias, float* y);
void onednn_conv_grad_input(const ConvGeometry& geometry, const float* grad, const float* weight,
                            float* grad_x);
void onednn_conv_grad_weight(const ConvGeometry& geometry, const float* grad, const float* x,
                             float* grad_weight, float* grad_bias);

}  // namespace nw::cpu
