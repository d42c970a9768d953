#pragma once

#include "core/backend/recurrent_cell.h"
#include "core/tensor/tensor.h"

namespace nw {

/// One cell that goes over a batch of sequences. Their rows lie step by step: at step t those of
/// the first batch_sizes[t] sequences, which last that long.
struct RecurrentSteps {
  RecurrentCell cell = RecurrentCell::Tanh;
  bool reverse = false;  // from the last step to the first
  int64_t steps = 0;
  int64_t batch = 0;
  Tensor batch_sizes;  // int64 (steps) on the CPU, never growing; undefined: all are `batch`

  int64_t alive(int64_t step) const {
    return batch_sizes.defined() ? batch_sizes.data<int64_t>()[step] : batch;
  }
};

/// Recurrent layers over whole sequences, in float32 or float64. rows: of all steps together;
/// gates: gate_count · hidden; state: of h, which is hidden unless an Lstm projects it; all tensors
/// are dense. "Saved" is what backward wants; forward leaves it out where it is undefined.
struct RecurrentKernels {
  /// x_gates (rows, gates): what the inputs and the biases add to the gates; weight_hh (gates,
  /// state); bias_hn (hidden), Gru only: what is added to n's part of h before r takes its share,
  /// may be undefined; weight_hr (state, hidden) or undefined; h_0 (batch, state), c_0 (batch,
  /// hidden), Lstm only, as is everything of c, may be undefined: 0 ->
  /// y (rows, state), h_n (batch, state), c_n (batch, hidden); saved: gates (rows, 4 · hidden), for
  /// the Lstm i, f, g, o, for the Gru r, z, n and n's part of h, undefined for the others;
  /// previous_h (rows, state) and previous_c (rows, hidden), before each step; unprojected (rows,
  /// hidden), where there is weight_hr.
  void (*forward)(const RecurrentSteps& steps, const Tensor& x_gates, const Tensor& weight_hh,
                  const Tensor& bias_hn, const Tensor& weight_hr, const Tensor& h_0,
                  const Tensor& c_0, const Tensor& y, const Tensor& h_n, const Tensor& c_n,
                  const Tensor& gates, const Tensor& previous_h, const Tensor& previous_c,
                  const Tensor& unprojected);
  /// gates: for Tanh and Relu, y. grad_y, grad_h_n and grad_c_n may be undefined: 0 ->
  /// grad_x_gates (rows, gates); grad_h_gates, Gru only: the same with what reaches n's part of h
  /// in place of n's; grad_h (rows, state), where there is weight_hr: the gradient of each h;
  /// grad_h_0, grad_c_0.
  void (*backward)(const RecurrentSteps& steps, const Tensor& weight_hh, const Tensor& weight_hr,
                   const Tensor& gates, const Tensor& previous_h, const Tensor& previous_c,
                   const Tensor& grad_y, const Tensor& grad_h_n, const Tensor& grad_c_n,
                   const Tensor& grad_x_gates, const Tensor& grad_h_gates, const Tensor& grad_h,
                   const Tensor& grad_h_0, const Tensor& grad_c_0);
};

}  // namespace nw
