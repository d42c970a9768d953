#include <algorithm>
#include <cmath>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/loss_parts.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

template <typename T>
T norm_of(const T* x, int64_t count, double exponent) {
  // PyTorch rounds it: next to p = 0 that shows.
  const double p = static_cast<float>(exponent);
  if (std::isinf(p)) {
    T extreme = count > 0 ? std::abs(x[0]) : T{0};
    for (int64_t i = 1; i < count; ++i) {
      const T size = std::abs(x[i]);
      extreme = p > 0 ? std::max(extreme, size) : std::min(extreme, size);
    }
    return extreme;
  }
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto size = static_cast<double>(std::abs(x[i]));
    sum += p == 0 ? (size != 0) : p == 1 ? size : p == 2 ? size * size : std::pow(size, p);
  }
  return static_cast<T>(p == 0 || p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, 1 / p));
}

template <typename T>
T sign_of(T x) {
  return static_cast<T>((x > 0) - (x < 0));
}

/// d norm / d x for one number of a row.
template <typename T>
T slope_of(T x, double p, T norm) {
  if (p == 1) return sign_of(x);
  if (p == 0 || norm == 0) return 0;
  if (p == 2) return x / norm;
  // 0, but NaN where the norm has no number.
  if (p < 1 && x == 0) return static_cast<T>(0 * std::pow(static_cast<double>(norm), 1 - p));
  const double ratio = static_cast<double>(std::abs(x)) / static_cast<double>(norm);
  return sign_of(x) * static_cast<T>(std::pow(ratio, p - 1));
}

int64_t rows_grain(int64_t columns) {
  return std::max<int64_t>(kHeavyGrain / std::max<int64_t>(columns, 1), 1);
}

}  // namespace

void row_norm(const Tensor& x, double p, const Tensor& out) {
  const int64_t columns = x.size(1);
  with_floating(x, "norm", [&](auto type) {
    using T = decltype(type);
    parallel_for(x.size(0), rows_grain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out.data<T>()[i] = norm_of(x.data<T>() + i * columns, columns, p);
      }
    });
  });
}

void row_norm_grad(const Tensor& grad, const Tensor& x, double p, const Tensor& norm,
                   const Tensor& grad_x) {
  const int64_t columns = x.size(1);
  with_floating(x, "norm", [&](auto type) {
    using T = decltype(type);
    parallel_for(x.size(0), rows_grain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* from = x.data<T>() + i * columns;
        T* to = grad_x.data<T>() + i * columns;
        const T whole = norm.data<T>()[i];
        T factor = grad.data<T>()[i];
        if (!std::isinf(p)) {
          for (int64_t j = 0; j < columns; ++j) to[j] = factor * slope_of(from[j], p, whole);
          continue;
        }
        const auto is_extreme = [&](T value) { return std::abs(value) == whole; };
        factor /= static_cast<T>(std::count_if(from, from + columns, is_extreme));
        for (int64_t j = 0; j < columns; ++j) {
          to[j] = is_extreme(from[j]) ? factor * sign_of(from[j]) : T{0};
        }
      }
    });
  });
}

}  // namespace nw::cpu
