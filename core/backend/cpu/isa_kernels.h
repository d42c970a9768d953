#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/backend/kernel_types.h"
#include "core/backend/optimizer_formulas.h"

namespace nw::cpu {

/// C (m, n) = A (m, k) · B (k, n) [+ bias (n)]; element (i, p) of A lies at a[i · a_row + p ·
/// a_col], of B at b[p · b_row + j · b_col], of C at c[i · c_row + j].
template <typename T>
struct Gemm {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row;
  const T* bias;  // may be null
  T* scratch;     // gemm_scratch() elements
};

/// Terms of the sums, columns of C, rows of C and bytes of a row of C that a gemm kernel works on
/// at a time, at most.
inline constexpr int64_t kGemmDepth = 256;
inline constexpr int64_t kGemmWidth = 512;
inline constexpr int64_t kGemmRows = 14;
inline constexpr int64_t kGemmTileBytes = 128;

/// Elements that Gemm::scratch must have for n columns and k terms.
template <typename T>
constexpr int64_t gemm_scratch(int64_t n, int64_t k) {
  constexpr int64_t kTile = kGemmTileBytes / static_cast<int64_t>(sizeof(T));
  const int64_t depth = k < kGemmDepth ? k : kGemmDepth;
  const int64_t width = n < kGemmWidth ? (n + kTile - 1) / kTile * kTile : kGemmWidth + kTile;
  return depth * (width + kGemmRows);
}

/// Max pooling of whole planes, of less than 2³¹ numbers, by 2×2 windows with stride 2 and no
/// padding.
template <typename T>
struct HalvingPool {
  int64_t planes, height, width;  // of x; y has height / 2 and width / 2
  const T* x;
  T* y;
  int64_t* indices;
};

/// One window of a plane whose channels are innermost: the places that it looks at.
template <typename T>
struct ChannelsPool {
  int64_t channels;
  const T* x;  // of the plane's place 0
  const int64_t* places;
  int64_t count;  // of the places, at least one
  T* y;
  int64_t* indices;
};

/// Where the outputs of one sample of a correlation lie, a vector at a time: `lanes` of them from
/// `out` in each plane of y on; the first tap meets x at `in`.
struct Stretch {
  int64_t in, out, lanes;
};

/// Two-dimensional correlation with stride 1: y[o][q] = Σ_k w[o][k] · x[q + taps[k]] + bias[o],
/// added up in this order.
struct Correlation {
  const Stretch* stretches;
  int64_t stretch_count;
  const int64_t* taps;  // offsets into x, one for each weight of an output channel
  int64_t tap_count;
  int64_t out_channels;
  int64_t x_sample, y_plane;  // numbers in a sample of x, in a plane of y
};

/// The numbers that a step of an optimiser is made on; of `kept` those are there that the rule
/// keeps.
template <typename T>
struct StepRows {
  const T* grad;
  T* param;
  T* kept[kMostKept];
  int64_t count;
  T sign, decay;  // g becomes sign · g + decay · p first
};
template <typename T, typename Rule>
struct StepEntry {
  void (*run)(const StepFormula<Rule, T>& formula, const StepRows<T>& rows);
};
/// An entry for each rule.
template <typename T, typename Rules>
struct StepEntries;
template <typename T, typename... Rules>
struct StepEntries<T, std::variant<Rules...>> : StepEntry<T, Rules>... {};

template <typename T>
struct ActivationParts;  // core/backend/cpu/activation_parts.h
template <typename T>
struct NormParts;  // core/backend/cpu/norm_parts.h
template <typename T>
struct RecurrentParts;  // core/backend/cpu/recurrent_steps.h

/// Kernels on plain memory for one element type. Strides and counts are in elements; "row" memory
/// is dense unless a stride is given; stride 0 repeats one value. All are single-threaded and may
/// be called from any thread.
template <typename T>
struct TypedKernels {
  void (*unary)(UnaryOp op, const T* x, int64_t x_stride, T* out, int64_t count);
  void (*binary)(BinaryOp op, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* out,
                 int64_t count);
  /// out = x · scale + shift
  void (*affine)(const T* x, int64_t x_stride, double scale, double shift, T* out, int64_t count);
  /// y += x · scale
  void (*axpy)(const T* x, int64_t x_stride, double scale, T* y, int64_t count);

  /// Σ x, added up in double
  double (*sum)(const T* x, int64_t stride, int64_t count);
  /// out (columns) = Σ over the rows of x (rows, columns), added up in double
  void (*sum_rows)(const T* x, int64_t row_stride, int64_t rows, int64_t columns, T* out);

  void (*gemm)(const Gemm<T>& gemm);

  /// Over the columns of (rows, columns).
  void (*softmax)(const T* x, bool logarithm, T* y, int64_t rows, int64_t columns);
  void (*softmax_grad)(const T* grad, const T* y, bool logarithm, T* grad_x, int64_t rows,
                       int64_t columns);
  /// grad = (softmax(x) − onehot(target)) · scale, 0 in rows whose target is ignored; returns the
  /// sum of −log softmax(x)[target] over the others. Targets are in range.
  double (*cross_entropy)(const T* x, const int64_t* target, int64_t ignore_index, double scale,
                          T* grad, int64_t rows, int64_t columns);

  void (*halving_pool)(const HalvingPool<T>& pool);
  /// The largest of each channel; places are below 2³¹.
  void (*channels_pool)(const ChannelsPool<T>& pool);

  StepEntries<T, StepRule> steps;

  const ActivationParts<T>* activation;
  const NormParts<T>* norm;
  const RecurrentParts<T>* recurrent;
};

/// Everything that is compiled for several instruction sets.
struct IsaKernels {
  std::string_view name;  // "x86-64-v3"
  int64_t lanes;          // floats in a vector

  /// weight (taps, out_channels). Reads up to a vector beyond the last number of x that counts.
  void (*correlate)(const Correlation& shape, const float* x, const float* weight,
                    const float* bias, float* y);
  /// sums (out_channels, taps, lanes) += Σ_q grad[o][q] · x[q + taps[k]], for `samples` samples;
  /// the gradient of a weight is the sum over its lanes.
  void (*correlate_grad)(const Correlation& shape, int64_t samples, const float* grad,
                         const float* x, float* sums);
  TypedKernels<float> f32;
  TypedKernels<double> f64;

  template <typename T>
  const TypedKernels<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

/// The tables that this processor can run, weakest first; at least one.
std::span<const IsaKernels> runnable_isa_kernels();
/// The strongest of them, chosen once. NW_ISA=v2|v3|v4 in the environment asks for a weaker one.
const IsaKernels& isa_kernels();

/// Kernels of the chosen table for one element type.
template <typename T>
const TypedKernels<T>& fast() {
  static const TypedKernels<T>& table = isa_kernels().of<T>();
  return table;
}

}  // namespace nw::cpu
