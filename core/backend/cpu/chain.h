#pragma once

#include "core/backend/chain_kernels.h"

namespace nw::cpu {

/// The CPU's ChainKernels; their contracts stand in core/backend/chain_kernels.h.
extern const ChainKernels kChainKernels;

/// The entry `linear` (core/backend/cpu/matmul.cpp).
void activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f,
                      const Tensor& y);

}  // namespace nw::cpu
