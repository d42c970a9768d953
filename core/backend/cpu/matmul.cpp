#include <optional>

#include "core/backend/cpu/chain.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/matmul_any.h"
#include "core/backend/cpu/onednn.h"
#include "core/backend/cpu/scratch.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Multiply-adds that a thread should get at least.
constexpr int64_t kProductGrain = int64_t{1} << 18;

/// C is the bias, or 0.
template <typename T>
void sum_of_nothing(const Gemm<T>& gemm) {
  for (int64_t i = 0; i < gemm.m; ++i) {
    T* row = gemm.c + i * gemm.c_row;
    for (int64_t j = 0; j < gemm.n; ++j) row[j] = gemm.bias != nullptr ? gemm.bias[j] : T{0};
  }
}

/// On the calling thread.
template <typename T>
void part_of_product(Gemm<T> part) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (onednn_gemm(part)) return;
  }
  const Scratch<T> scratch(gemm_scratch<T>(part.n, part.k));
  part.scratch = scratch.data();
  fast<T>().gemm(part);
}

/// C = f(C), on the calling thread.
template <typename T>
void activate(UnaryOp f, const Gemm<T>& part) {
  const bool dense = part.c_row == part.n;
  const int64_t rows = dense ? 1 : part.m;
  const int64_t length = dense ? part.m * part.n : part.n;
  for (int64_t i = 0; i < rows; ++i) {
    T* row = part.c + i * part.c_row;
    fast<T>().unary(f, row, 1, row, length);
  }
}

/// Divides C into stripes of rows or of columns, whichever is the longer side, one for each thread;
/// `f` is put behind it while a stripe is still near the processor.
template <typename T>
void product(const Gemm<T>& whole, std::optional<UnaryOp> f = {}) {
  if (whole.m == 0 || whole.n == 0) return;
  if (whole.k == 0) {
    sum_of_nothing(whole);
    if (f) activate(*f, whole);
    return;
  }
  const bool by_rows = whole.m >= whole.n;
  const int64_t side = by_rows ? whole.m : whole.n;
  const int64_t slice = (by_rows ? whole.n : whole.m) * whole.k;
  const int64_t grain = std::max<int64_t>(kProductGrain / std::max<int64_t>(slice, 1), 16);
  parallel_for(side, grain, [&](int64_t begin, int64_t end) {
    Gemm<T> part = whole;
    if (by_rows) {
      part.m = end - begin;
      part.a += begin * part.a_row;
      part.c += begin * part.c_row;
    } else {
      part.n = end - begin;
      part.b += begin * part.b_col;
      part.c += begin;
      if (part.bias != nullptr) part.bias += begin;
    }
    part_of_product(part);
    if (f) activate(*f, part);
  });
}

/// `count` products side by side, each thread some of them; few large ones one after the other.
template <typename T>
void products(const Gemm<T>& first, int64_t count, int64_t a_step, int64_t b_step) {
  if (first.m == 0 || first.n == 0) return;
  const auto at = [&](int64_t i) {
    Gemm<T> gemm = first;
    gemm.a += i * a_step;
    gemm.b += i * b_step;
    gemm.c += i * first.m * first.n;
    return gemm;
  };
  const int64_t work = std::max<int64_t>(first.m * first.n * first.k, 1);
  if (count < num_threads() || first.k == 0) {
    for (int64_t i = 0; i < count; ++i) product(at(i));
    return;
  }
  parallel_for(count, std::max<int64_t>(kProductGrain / work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) part_of_product(at(i));
  });
}

bool is_plain(const Tensor& tensor) {
  return !is_floating(tensor.dtype());
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& out) {
  const int64_t m = a.size(0);
  const int64_t n = b.size(1);
  const int64_t k = a.size(1);
  const Dims& as = a.strides();
  const Dims& bs = b.strides();
  if (is_plain(out)) {
    return plain_product({1, m, n, k, 0, as[0], as[1], 0, bs[0], bs[1]}, a, b, out);
  }
  with_floating(out, "matmul", [&](auto type) {
    using T = decltype(type);
    product(Gemm<T>{m, n, k, a.data<T>(), as[0], as[1], b.data<T>(), bs[0], bs[1], out.data<T>(), n,
                    nullptr, nullptr});
  });
}

void bmm(const Tensor& a, const Tensor& b, const Tensor& out) {
  const int64_t count = out.size(0);
  const int64_t m = out.size(1);
  const int64_t n = out.size(2);
  const int64_t k = a.size(2);
  const Dims& as = a.strides();
  const Dims& bs = b.strides();
  if (is_plain(out)) {
    const PlainProduct product{count, m, n, k, as[0], as[1], as[2], bs[0], bs[1], bs[2]};
    return plain_product(product, a, b, out);
  }
  with_floating(out, "bmm", [&](auto type) {
    using T = decltype(type);
    const Gemm<T> first{m,     n,           k,      a.data<T>(), as[1],
                        as[2], b.data<T>(), bs[1],  bs[2],       out.data<T>(),
                        n,     nullptr,     nullptr};
    products(first, count, as[0], bs[0]);
  });
}

namespace {

void linear_through(const Tensor& x, const Tensor& weight, const Tensor& bias,
                    std::optional<UnaryOp> f, const Tensor& y) {
  with_floating(y, "linear", [&](auto type) {
    using T = decltype(type);
    const int64_t inputs = weight.size(1);
    const int64_t outputs = weight.size(0);
    product(Gemm<T>{x.size(0), outputs, inputs, x.data<T>(), inputs, 1, weight.data<T>(), 1, inputs,
                    y.data<T>(), outputs, data_or_null<T>(bias), nullptr},
            f);
  });
}

UnaryOp unary_of(ElementKind kind) {
  return kind == ElementKind::Relu   ? UnaryOp::Relu
         : kind == ElementKind::Tanh ? UnaryOp::Tanh
                                     : UnaryOp::Sigmoid;
}

}  // namespace

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  linear_through(x, weight, bias, {}, y);
}

void activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f,
                      const Tensor& y) {
  if (!is_half(y.dtype())) return linear_through(x, weight, bias, unary_of(f), y);
  // Rounded once before f and once behind it.
  widened<linear, 1>(x, weight, bias, y);
  widened<unary, 1>(unary_of(f), y, y);
}

}  // namespace nw::cpu
