#pragma once

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/walk.h"
#include "core/backend/kernel_types.h"

/// The elementwise kernels in plain loops, a file for each kind of number. They hold everything
/// that has no vectorised loop in elementwise.isa.cpp.
namespace nw::cpu {

template <typename In, typename Out>
using UnaryRow = void (*)(const In* x, int64_t stride, Out* out, int64_t count);
template <typename In, typename Out>
using BinaryRow = void (*)(const In* a, int64_t a_stride, const In* b, int64_t b_stride, Out* out,
                           int64_t count);

/// The loop that applies a function without state.
template <typename In, typename Out, typename F>
UnaryRow<In, Out> unary_row(F) {
  return [](const In* x, int64_t stride, Out* out, int64_t count) {
    if (stride == 1) {
      for (int64_t i = 0; i < count; ++i) out[i] = F()(x[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) out[i] = F()(x[i * stride]);
    }
  };
}

template <typename In, typename Out, typename F>
BinaryRow<In, Out> binary_row(F) {
  return [](const In* a, int64_t a_stride, const In* b, int64_t b_stride, Out* out, int64_t count) {
    if (a_stride == 1 && b_stride == 1) {
      for (int64_t i = 0; i < count; ++i) out[i] = F()(a[i], b[i]);
    } else if (a_stride == 1 && b_stride == 0) {
      const In value = *b;
      for (int64_t i = 0; i < count; ++i) out[i] = F()(a[i], value);
    } else {
      for (int64_t i = 0; i < count; ++i) out[i] = F()(a[i * a_stride], b[i * b_stride]);
    }
  };
}

template <typename In, typename Out>
void walk_unary(UnaryRow<In, Out> row, const Tensor& x, const Tensor& out) {
  const In* from = x.data<In>();
  Out* to = out.data<Out>();
  const auto walk = ordered_walk<2>(out.sizes(), {&x.strides(), &out.strides()});
  parallel_walk(walk, kHeavyGrain, [&](const auto& at, int64_t count) {
    row(from + at[0], walk.strides()[0], to + at[1], count);
  });
}

template <typename In, typename Out>
void walk_binary(BinaryRow<In, Out> row, const Tensor& a, const Tensor& b, const Tensor& out) {
  const In* left = a.data<In>();
  const In* right = b.data<In>();
  Out* to = out.data<Out>();
  const auto walk = ordered_walk<3>(out.sizes(), {&a.strides(), &b.strides(), &out.strides()});
  parallel_walk(walk, kHeavyGrain, [&](const auto& at, int64_t count) {
    row(left + at[0], walk.strides()[0], right + at[1], walk.strides()[1], to + at[2], count);
  });
}

/// For x (and b) of float32 and float64; of complex64 and complex128; of whole numbers and bool.
void unary_real(UnaryOp op, const Tensor& x, const Tensor& out);
void binary_real(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out);
void unary_complex(UnaryOp op, const Tensor& x, const Tensor& out);
void binary_complex(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out);
void unary_whole(UnaryOp op, const Tensor& x, const Tensor& out);
void binary_whole(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out);

/// The caller asked for an op that its type of number has not: core/ops must not let this happen.
[[noreturn]] void throw_no_kernel(const Tensor& x);

}  // namespace nw::cpu
