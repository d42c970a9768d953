#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

bool is_heavy(UnaryOp op) {
  return op == UnaryOp::Exp || op == UnaryOp::Log || op == UnaryOp::Tanh || op == UnaryOp::Sigmoid;
}

}  // namespace

void unary(UnaryOp op, const Tensor& x, const Tensor& out) {
  with_floating(out, "unary", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    const Walk<2> walk(out.sizes(), {&x.strides(), &out.strides()});
    parallel_walk(walk, is_heavy(op) ? kHeavyGrain : kGrain, [&](const auto& at, int64_t count) {
      fast<T>().unary(op, from + at[0], walk.strides()[0], to + at[1], count);
    });
  });
}

void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  with_floating(out, "binary", [&](auto type) {
    using T = decltype(type);
    const T* left = a.data<T>();
    const T* right = b.data<T>();
    T* to = out.data<T>();
    const Walk<3> walk(out.sizes(), {&a.strides(), &b.strides(), &out.strides()});
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      fast<T>().binary(op, left + at[0], walk.strides()[0], right + at[1], walk.strides()[1],
                       to + at[2], count);
    });
  });
}

void affine(const Tensor& x, double scale, double shift, const Tensor& out) {
  with_floating(out, "affine", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    const Walk<2> walk(out.sizes(), {&x.strides(), &out.strides()});
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      fast<T>().affine(from + at[0], walk.strides()[0], scale, shift, to + at[1], count);
    });
  });
}

void axpy(const Tensor& x, double scale, const Tensor& y) {
  with_floating(y, "axpy", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const Walk<2> walk(y.sizes(), {&x.strides(), &y.strides()});
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      fast<T>().axpy(from + at[0], walk.strides()[0], scale, to + at[1], count);
    });
  });
}

}  // namespace nw::cpu
