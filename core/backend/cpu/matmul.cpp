#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/onednn.h"
#include "core/backend/cpu/scratch.h"
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

/// Divides C into stripes of rows or of columns, whichever is the longer side, one for each thread.
template <typename T>
void product(const Gemm<T>& whole) {
  if (whole.m == 0 || whole.n == 0) return;
  if (whole.k == 0) return sum_of_nothing(whole);
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
    if constexpr (sizeof(T) == sizeof(float)) {
      if (onednn_gemm(part)) return;
    }
    const Scratch<T> scratch(gemm_scratch<T>(part.n, part.k));
    part.scratch = scratch.data();
    fast<T>().gemm(part);
  });
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& out) {
  with_floating(out, "matmul", [&](auto type) {
    using T = decltype(type);
    product(Gemm<T>{a.size(0), b.size(1), a.size(1), a.data<T>(), a.strides()[0], a.strides()[1],
                    b.data<T>(), b.strides()[0], b.strides()[1], out.data<T>(), out.size(1),
                    nullptr, nullptr});
  });
}

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  with_floating(y, "linear", [&](auto type) {
    using T = decltype(type);
    const int64_t inputs = weight.size(1);
    const int64_t outputs = weight.size(0);
    product(Gemm<T>{x.size(0), outputs, inputs, x.data<T>(), inputs, 1, weight.data<T>(), 1, inputs,
                    y.data<T>(), outputs, data_or_null<T>(bias), nullptr});
  });
}

}  // namespace nw::cpu
