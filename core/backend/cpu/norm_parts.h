#pragma once

#include <cstdint>

namespace nw::cpu {

/// `count` stretches of `length` numbers each, whose starts lie `stride` apart.
struct Segments {
  int64_t count, stride, length;

  int64_t numbers() const { return count * length; }
};

/// What normalisation is made of, for one element type. Single-threaded; sums are taken in double.
template <typename T>
struct NormParts {
  // --- one channel: all the numbers share their statistics and their weight ---
  void (*moments)(const T* x, const Segments& segments, double& mean, double& variance);
  /// y = (x − mean) · scale + shift
  void (*scale)(const T* x, const Segments& segments, T mean, T scale, T shift, T* y);
  /// sum = Σ grad, product = Σ grad · (x − mean)
  void (*slopes)(const T* grad, const T* x, const Segments& segments, double mean, double& sum,
                 double& product);
  /// grad_x = grad · a + (x − mean) · b + c
  void (*scale_grad)(const T* grad, const T* x, const Segments& segments, T mean, T a, T b, T c,
                     T* grad_x);

  // --- one row whose numbers share statistics and have weights of their own ---
  /// weight and bias may be null
  void (*norm_row)(const T* x, int64_t columns, const T* weight, const T* bias, double eps, T* y,
                   T* mean, T* rstd);
  /// Adds to the sums of the gradients of weight and bias; those and grad_x may be null.
  void (*norm_row_grad)(const T* grad, const T* x, int64_t columns, const T* weight, T mean, T rstd,
                        T* grad_x, T* weight_sums, T* bias_sums);

  // --- rows (rows, columns) where each column has its own statistics and weight ---
  /// The mean of each column and the sum of squared deviations from it.
  void (*column_moments)(const T* x, int64_t rows, int64_t columns, double* mean, double* squares);
  void (*scale_columns)(const T* x, int64_t rows, int64_t columns, const T* mean, const T* scale,
                        const T* shift, T* y);
  void (*column_slopes)(const T* grad, const T* x, int64_t rows, int64_t columns, const T* mean,
                        double* sums, double* products);
  void (*scale_columns_grad)(const T* grad, const T* x, int64_t rows, int64_t columns,
                             const T* mean, const T* a, const T* b, const T* c, T* grad_x);
};

}  // namespace nw::cpu
