#include <array>
#include <complex>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/elementwise_rows.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

bool is_plain(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float64;
}

/// Whether elementwise.isa.cpp has a loop, and what a thread should get of it at least.
struct Fast {
  bool there;
  int64_t grain;
};

Fast fast_unary(UnaryOp op) {
  switch (op) {
    case UnaryOp::Exp:
    case UnaryOp::Log:
    case UnaryOp::Tanh:
    case UnaryOp::Sigmoid:
      return {true, kHeavyGrain};
    case UnaryOp::Neg:
    case UnaryOp::Sqrt:
    case UnaryOp::Relu:
      return {true, kGrain};
    default:
      return {false, kHeavyGrain};
  }
}

bool has_fast(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
    case BinaryOp::Sub:
    case BinaryOp::Mul:
    case BinaryOp::Div:
    case BinaryOp::ReluGrad:
    case BinaryOp::TanhGrad:
    case BinaryOp::SigmoidGrad:
      return true;
    default:
      return false;
  }
}

template <typename T>
void fast_unary_as(UnaryOp op, int64_t grain, const Tensor& x, const Tensor& out) {
  const T* from = x.data<T>();
  T* to = out.data<T>();
  const auto walk = ordered_walk<2>(out.sizes(), {&x.strides(), &out.strides()});
  parallel_walk(walk, grain, [&](const auto& at, int64_t count) {
    fast<T>().unary(op, from + at[0], walk.strides()[0], to + at[1], count);
  });
}

template <typename T>
void fast_binary_as(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  const T* left = a.data<T>();
  const T* right = b.data<T>();
  T* to = out.data<T>();
  const auto walk = ordered_walk<3>(out.sizes(), {&a.strides(), &b.strides(), &out.strides()});
  parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
    fast<T>().binary(op, left + at[0], walk.strides()[0], right + at[1], walk.strides()[1],
                     to + at[2], count);
  });
}

/// T: any type of the elements' size.
template <typename T>
void where_as(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& out) {
  const bool* wanted = condition.data<bool>();
  const T* left = static_cast<const T*>(a.raw());
  const T* right = static_cast<const T*>(b.raw());
  T* to = static_cast<T*>(out.raw());
  const auto walk = ordered_walk<4>(
      out.sizes(), {&condition.strides(), &a.strides(), &b.strides(), &out.strides()});
  const auto& strides = walk.strides();
  parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      to[at[3] + i] = wanted[at[0] + i * strides[0]] ? left[at[1] + i * strides[1]]
                                                     : right[at[2] + i * strides[2]];
    }
  });
}

template <typename T>
void axpy_complex(const Tensor& x, double scale, const Tensor& y) {
  const T* from = x.data<T>();
  T* to = y.data<T>();
  const auto factor = static_cast<typename T::value_type>(scale);
  const Walk<2> walk(y.sizes(), {&x.strides(), &y.strides()});
  parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      to[at[1] + i * walk.strides()[1]] += from[at[0] + i * walk.strides()[0]] * factor;
    }
  });
}

}  // namespace

void unary(UnaryOp op, const Tensor& x, const Tensor& out) {
  const Fast fast = fast_unary(op);
  if (is_plain(x.dtype()) && fast.there) {
    with_floating(x, "unary",
                  [&](auto type) { fast_unary_as<decltype(type)>(op, fast.grain, x, out); });
  } else if (is_plain(x.dtype())) {
    unary_real(op, x, out);
  } else if (is_complex(x.dtype())) {
    unary_complex(op, x, out);
  } else {
    unary_whole(op, x, out);
  }
}

void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  if (is_plain(a.dtype()) && has_fast(op)) {
    with_floating(a, "binary", [&](auto type) { fast_binary_as<decltype(type)>(op, a, b, out); });
  } else if (is_plain(a.dtype())) {
    binary_real(op, a, b, out);
  } else if (is_complex(a.dtype())) {
    binary_complex(op, a, b, out);
  } else {
    binary_whole(op, a, b, out);
  }
}

void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& out) {
  switch (item_bytes(out.dtype())) {
    case 1:
      return where_as<uint8_t>(condition, a, b, out);
    case 2:
      return where_as<uint16_t>(condition, a, b, out);
    case 4:
      return where_as<uint32_t>(condition, a, b, out);
    case 8:
      return where_as<uint64_t>(condition, a, b, out);
    default:
      return where_as<std::array<uint64_t, 2>>(condition, a, b, out);
  }
}

void affine(const Tensor& x, double scale, double shift, const Tensor& out) {
  with_floating(out, "affine", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    const auto walk = ordered_walk<2>(out.sizes(), {&x.strides(), &out.strides()});
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      fast<T>().affine(from + at[0], walk.strides()[0], scale, shift, to + at[1], count);
    });
  });
}

void axpy(const Tensor& x, double scale, const Tensor& y) {
  if (y.dtype() == DType::Complex64) return axpy_complex<std::complex<float>>(x, scale, y);
  if (y.dtype() == DType::Complex128) return axpy_complex<std::complex<double>>(x, scale, y);
  with_floating(y, "axpy", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const auto walk = ordered_walk<2>(y.sizes(), {&x.strides(), &y.strides()});
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      fast<T>().axpy(from + at[0], walk.strides()[0], scale, to + at[1], count);
    });
  });
}

}  // namespace nw::cpu
