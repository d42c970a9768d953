#pragma once

#include <cstdint>

#include "core/backend/activation_kernels.h"

namespace nw::cpu {

/// Activations on dense memory, compiled for each instruction set.
template <typename T>
struct ActivationParts {
  void (*forward)(const Activation& f, const T* x, T* y, int64_t count);
  void (*backward)(const Activation& f, const T* grad, const T* x, T* grad_x, int64_t count);
};

extern const ActivationKernels kActivationKernels;

}  // namespace nw::cpu
