#pragma once

#include <cstdint>

#include "core/backend/activation_kernels.h"

namespace nw::cpu {

/// PyTorch's CPU kernels take 64 bytes at a time and the rest one by one, and where a function
/// bends sharply the two answer NaN with different slopes. Ours give the same.
enum class Share : uint8_t { Blocks, Rest };
inline constexpr int64_t kBlockBytes = 64;

/// Activations on dense memory, compiled for each instruction set.
template <typename T>
struct ActivationParts {
  void (*forward)(const Activation& f, const T* x, T* y, int64_t count);
  void (*backward)(const Activation& f, const T* grad, const T* x, T* grad_x, int64_t count,
                   Share part);
};

extern const ActivationKernels kActivationKernels;

}  // namespace nw::cpu
