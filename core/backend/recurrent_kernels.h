#pragma once

#include <span>

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

/// Layers of cells over one batch of sequences, each over what the one before gives; the directions
/// of a layer side by side. cells: layers · directions.
struct RecurrentStack {
  RecurrentCell cell = RecurrentCell::Tanh;
  int64_t layers = 1;
  bool bidirectional = false;
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t features = 0;  // of the first layer's inputs
  int64_t hidden = 0;
  int64_t state = 0;      // of h: hidden, unless it is projected
  bool biased = false;    // each cell has both biases
  bool projects = false;  // Lstm only: each cell has weight_hr
  bool learns = false;    // stack_backward() may follow
  Tensor batch_sizes;     // as in RecurrentSteps

  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t cells() const { return layers * directions(); }
  /// Weights of one cell: ih, hh, bias_ih and bias_hh if biased, hr if it projects.
  int64_t weights_of_cell() const { return 2 + (biased ? 2 : 0) + (projects ? 1 : 0); }
};

/// What became of a stack.
struct RecurrentStackResult {
  bool done = false;  // false: the backend leaves it to the layers one by one; nothing was written
  Tensor kept;        // what stack_backward() wants, as only the backend knows it; if it learns
};

/// Recurrent layers over whole sequences, cells in float32 or float64. rows: of all steps together;
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

  /// May be null, and then the next one is, too: a whole stack at once, in any floating dtype, as
  /// forward() of each cell gives it or more exactly. x (rows, features); h_0 (cells, batch, state)
  /// and c_0 (cells, batch, hidden) may be undefined: 0; weights: of each cell in turn, as
  /// weights_of_cell() says -> y (rows, directions · state), h_n, c_n
  void (*stack_forward)(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                        const Tensor& c_0, std::span<const Tensor> weights, const Tensor& y,
                        const Tensor& h_n, const Tensor& c_n,
                        RecurrentStackResult& result) = nullptr;
  /// kept: of the forward of the same stack; written over. grad_y, grad_h_n and grad_c_n may be
  /// undefined: 0 -> grad_x, grad_h_0, grad_c_0 and grad_weights, which has an entry for each of
  /// the weights; undefined where it is not wanted.
  void (*stack_backward)(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                         const Tensor& c_0, std::span<const Tensor> weights, const Tensor& y,
                         const Tensor& kept, const Tensor& grad_y, const Tensor& grad_h_n,
                         const Tensor& grad_c_n, const Tensor& grad_x, const Tensor& grad_h_0,
                         const Tensor& grad_c_0, std::span<const Tensor> grad_weights) = nullptr;
};

}  // namespace nw
