#include <algorithm>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

int64_t rows_grain(int64_t columns) {
  return std::max<int64_t>(kHeavyGrain / std::max<int64_t>(columns, 1), 1);
}

/// The row through the middle dimension that starts at `at`, of (outer, size, inner).
int64_t row_start(int64_t row, int64_t size, int64_t inner) {
  return row / inner * size * inner + row % inner;
}

template <typename T>
void gather(const T* from, int64_t stride, int64_t count, T* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
}
template <typename T>
void scatter(const T* from, int64_t stride, int64_t count, T* to) {
  for (int64_t i = 0; i < count; ++i) to[i * stride] = from[i];
}

}  // namespace

void softmax(const Tensor& x, bool logarithm, const Tensor& y) {
  const int64_t size = x.size(1);
  const int64_t inner = x.size(2);
  if (x.numel() == 0) return;
  with_floating(x, "softmax", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    parallel_for(x.size(0) * inner, rows_grain(size), [&](int64_t begin, int64_t end) {
      if (inner == 1) {
        fast<T>().softmax(from + begin * size, logarithm, to + begin * size, end - begin, size);
        return;
      }
      const Scratch<T> row(2 * size);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t start = row_start(i, size, inner);
        gather(from + start, inner, size, row.data());
        fast<T>().softmax(row.data(), logarithm, row.data() + size, 1, size);
        scatter(row.data() + size, inner, size, to + start);
      }
    });
  });
}

void softmax_grad(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x) {
  const int64_t size = y.size(1);
  const int64_t inner = y.size(2);
  if (y.numel() == 0) return;
  with_floating(y, "softmax", [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    const T* result = y.data<T>();
    T* to = grad_x.data<T>();
    parallel_for(y.size(0) * inner, rows_grain(size), [&](int64_t begin, int64_t end) {
      if (inner == 1) {
        const int64_t start = begin * size;
        fast<T>().softmax_grad(from + start, result + start, logarithm, to + start, end - begin,
                               size);
        return;
      }
      const Scratch<T> row(3 * size);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t start = row_start(i, size, inner);
        gather(from + start, inner, size, row.data());
        gather(result + start, inner, size, row.data() + size);
        fast<T>().softmax_grad(row.data(), row.data() + size, logarithm, row.data() + 2 * size, 1,
                               size);
        scatter(row.data() + 2 * size, inner, size, to + start);
      }
    });
  });
}

}  // namespace nw::cpu
