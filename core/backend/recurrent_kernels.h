#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Recurrent layers over whole sequences.
struct RecurrentKernels {
  /// One LSTM cell's elementwise part: gates (N, 4·hidden) as i, f, g, o before their
  /// nonlinearities, c (N, hidden) -> new c, new h
  void (*lstm_cell)(const Tensor& gates, const Tensor& c, const Tensor& new_c, const Tensor& new_h);
};

}  // namespace nw
