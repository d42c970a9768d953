#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/norm_parts.h"
#include "core/backend/cpu/vec.h"

namespace nw::cpu::NW_ISA {
namespace {

/// Rows of columns that are gone over twice while they are in the cache.
constexpr int64_t kRowBlock = 64;
/// Vectors that are added up side by side, so that one need not wait for another.
constexpr int kSums = 4;
constexpr int64_t kWide = kLanes<double>;

template <typename T>
struct NarrowTypes {
  typedef T vec __attribute__((vector_size(kWide * sizeof(T))));
};

/// As many numbers as a vector of doubles has.
template <typename T>
NW_INLINE Doubles load_wide(const T* from) {
  typename NarrowTypes<T>::vec value;
  __builtin_memcpy(&value, from, sizeof(value));
  return __builtin_convertvector(value, Doubles);
}

/// Σ term(x[i]) of one stretch; term takes a double or a vector of them.
template <typename T, typename Term>
NW_INLINE double sum_terms(const T* x, int64_t length, const Term& term) {
  Doubles sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kWide <= length; i += kSums * kWide) {
    unrolled<0, kSums>(
        [&](auto k) NW_ALWAYS { sums[k.value] += term(load_wide(x + i + k.value * kWide)); });
  }
  for (; i + kWide <= length; i += kWide) sums[0] += term(load_wide(x + i));
  double total = sum_lanes<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < length; ++i) total += term(static_cast<double>(x[i]));
  return total;
}

template <typename T, typename Term>
NW_INLINE double sum_segments(const T* x, const Segments& segments, const Term& term) {
  double total = 0;
  for (int64_t s = 0; s < segments.count; ++s) {
    total += sum_terms(x + s * segments.stride, segments.length, term);
  }
  return total;
}

template <typename T>
NW_INLINE void moments_of(const T* x, const Segments& segments, double& mean, double& variance) {
  const double count = static_cast<double>(segments.numbers());
  const double middle = sum_segments(x, segments, [](auto v) NW_ALWAYS { return v; }) / count;
  mean = middle;
  variance =
      sum_segments(x, segments, [&](auto v) NW_ALWAYS { return (v - middle) * (v - middle); }) /
      count;
}

template <typename T>
void moments(const T* x, const Segments& segments, double& mean, double& variance) {
  moments_of(x, segments, mean, variance);
}

template <typename T>
void scale(const T* x, const Segments& segments, T mean, T factor, T shift, T* y) {
  for (int64_t s = 0; s < segments.count; ++s) {
    const T* from = x + s * segments.stride;
    T* to = y + s * segments.stride;
    for_each_vector<T>(segments.length, [&](int64_t i, int64_t lanes) NW_ALWAYS {
      store_lanes<T>(to + i, (load_lanes(from + i, lanes) - mean) * factor + shift, lanes);
    });
  }
}

template <typename T>
void slopes(const T* grad, const T* x, const Segments& segments, double mean, double& sum,
            double& product) {
  sum = 0;
  product = 0;
  for (int64_t s = 0; s < segments.count; ++s) {
    const T* g = grad + s * segments.stride;
    const T* v = x + s * segments.stride;
    Doubles sums[2] = {};
    Doubles products[2] = {};
    int64_t i = 0;
    for (; i + 2 * kWide <= segments.length; i += 2 * kWide) {
      unrolled<0, 2>([&](auto k) NW_ALWAYS {
        const Doubles slope = load_wide(g + i + k.value * kWide);
        sums[k.value] += slope;
        products[k.value] += slope * (load_wide(v + i + k.value * kWide) - mean);
      });
    }
    sum += sum_lanes<double>(sums[0] + sums[1]);
    product += sum_lanes<double>(products[0] + products[1]);
    for (; i < segments.length; ++i) {
      sum += static_cast<double>(g[i]);
      product += static_cast<double>(g[i]) * (static_cast<double>(v[i]) - mean);
    }
  }
}

template <typename T>
void scale_grad(const T* grad, const T* x, const Segments& segments, T mean, T a, T b, T c,
                T* grad_x) {
  for (int64_t s = 0; s < segments.count; ++s) {
    const T* g = grad + s * segments.stride;
    const T* v = x + s * segments.stride;
    T* to = grad_x + s * segments.stride;
    for_each_vector<T>(segments.length, [&](int64_t i, int64_t lanes) NW_ALWAYS {
      const Vec<T> slope = load_lanes(g + i, lanes);
      const Vec<T> deviation = load_lanes(v + i, lanes) - mean;
      store_lanes<T>(to + i, slope * a + (deviation * b + c), lanes);
    });
  }
}

template <typename T>
void norm_row(const T* x, int64_t columns, const T* weight, const T* bias, double eps, T* y,
              T* mean, T* rstd) {
  double middle = 0;
  double variance = 0;
  moments_of(x, Segments{1, 0, columns}, middle, variance);
  const T m = static_cast<T>(middle);
  const T r = static_cast<T>(1 / __builtin_sqrt(variance + eps));
  *mean = m;
  *rstd = r;
  for_each_vector<T>(columns, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    Vec<T> v = (load_lanes(x + i, lanes) - m) * r;
    if (weight != nullptr) v = v * load_lanes(weight + i, lanes);
    if (bias != nullptr) v = v + load_lanes(bias + i, lanes);
    store_lanes<T>(y + i, v, lanes);
  });
}

template <typename T>
void norm_row_grad(const T* grad, const T* x, int64_t columns, const T* weight, T mean, T rstd,
                   T* grad_x, double* weight_sums, double* bias_sums) {
  const double middle = static_cast<double>(mean);
  const double r = static_cast<double>(rstd);
  Doubles sums{};
  Doubles products{};
  double sum = 0;
  double product = 0;
  int64_t i = 0;
  for (; i + kWide <= columns; i += kWide) {
    const Doubles slope = load_wide(grad + i);
    const Doubles normal = (load_wide(x + i) - middle) * r;
    if (weight_sums != nullptr) {
      store<double>(weight_sums + i, load(weight_sums + i) + slope * normal);
    }
    if (bias_sums != nullptr) store<double>(bias_sums + i, load(bias_sums + i) + slope);
    const Doubles weighted = weight != nullptr ? slope * load_wide(weight + i) : slope;
    sums += weighted;
    products += weighted * normal;
  }
  for (; i < columns; ++i) {
    const double slope = static_cast<double>(grad[i]);
    const double normal = (static_cast<double>(x[i]) - middle) * r;
    if (weight_sums != nullptr) weight_sums[i] += slope * normal;
    if (bias_sums != nullptr) bias_sums[i] += slope;
    const double weighted = weight != nullptr ? slope * static_cast<double>(weight[i]) : slope;
    sum += weighted;
    product += weighted * normal;
  }
  if (grad_x == nullptr) return;
  const double count = static_cast<double>(columns);
  const T offset = static_cast<T>((sum + sum_lanes<double>(sums)) / count);
  const T factor = static_cast<T>((product + sum_lanes<double>(products)) / count * r);
  for_each_vector<T>(columns, [&](int64_t j, int64_t lanes) NW_ALWAYS {
    Vec<T> slope = load_lanes(grad + j, lanes);
    if (weight != nullptr) slope = slope * load_lanes(weight + j, lanes);
    const Vec<T> deviation = load_lanes(x + j, lanes) - mean;
    store_lanes<T>(grad_x + j, (slope - offset - deviation * factor) * rstd, lanes);
  });
}

/// Adds the moments of a block of rows to those of `before` rows (Chan, Golub & LeVeque 1979).
/// V is a double or a vector of them.
template <typename V, typename Load>
NW_INLINE void merge_moments(int64_t before, int64_t rows, const Load& load_at, V& mean,
                             V& squares) {
  V sum{};
  for (int64_t i = 0; i < rows; ++i) sum += load_at(i);
  const double count = static_cast<double>(rows);
  const V middle = sum / count;
  V block{};
  for (int64_t i = 0; i < rows; ++i) {
    const V deviation = load_at(i) - middle;
    block += deviation * deviation;
  }
  const double all = static_cast<double>(before + rows);
  const V apart = middle - mean;
  mean += apart * (count / all);
  squares += block + apart * apart * (static_cast<double>(before) * count / all);
}

template <typename T>
void column_moments(const T* x, int64_t rows, int64_t columns, double* mean, double* squares) {
  for (int64_t j = 0; j < columns; ++j) mean[j] = squares[j] = 0;
  for (int64_t first = 0; first < rows; first += kRowBlock) {
    const int64_t count = rows - first < kRowBlock ? rows - first : kRowBlock;
    const T* block = x + first * columns;
    int64_t j = 0;
    for (; j + kWide <= columns; j += kWide) {
      Doubles middle = load(mean + j);
      Doubles spread = load(squares + j);
      merge_moments(
          first, count, [&](int64_t i) NW_ALWAYS { return load_wide(block + i * columns + j); },
          middle, spread);
      store<double>(mean + j, middle);
      store<double>(squares + j, spread);
    }
    for (; j < columns; ++j) {
      merge_moments(
          first, count,
          [&](int64_t i) NW_ALWAYS { return static_cast<double>(block[i * columns + j]); }, mean[j],
          squares[j]);
    }
  }
}

template <typename T>
void scale_columns(const T* x, int64_t rows, int64_t columns, const T* mean, const T* factor,
                   const T* shift, T* y) {
  for (int64_t i = 0; i < rows; ++i, x += columns, y += columns) {
    for_each_vector<T>(columns, [&](int64_t j, int64_t lanes) NW_ALWAYS {
      const Vec<T> deviation = load_lanes(x + j, lanes) - load_lanes(mean + j, lanes);
      const Vec<T> result =
          deviation * load_lanes(factor + j, lanes) + load_lanes(shift + j, lanes);
      store_lanes<T>(y + j, result, lanes);
    });
  }
}

template <typename T>
void column_slopes(const T* grad, const T* x, int64_t rows, int64_t columns, const T* mean,
                   double* sums, double* products) {
  for (int64_t j = 0; j < columns; ++j) sums[j] = products[j] = 0;
  for (int64_t first = 0; first < rows; first += kRowBlock) {
    const int64_t last = rows - first < kRowBlock ? rows : first + kRowBlock;
    int64_t j = 0;
    for (; j + kWide <= columns; j += kWide) {
      const Doubles middle = load_wide(mean + j);
      Doubles sum = load(sums + j);
      Doubles product = load(products + j);
      for (int64_t i = first; i < last; ++i) {
        const Doubles slope = load_wide(grad + i * columns + j);
        sum += slope;
        product += slope * (load_wide(x + i * columns + j) - middle);
      }
      store<double>(sums + j, sum);
      store<double>(products + j, product);
    }
    for (; j < columns; ++j) {
      for (int64_t i = first; i < last; ++i) {
        const double slope = static_cast<double>(grad[i * columns + j]);
        sums[j] += slope;
        products[j] +=
            slope * (static_cast<double>(x[i * columns + j]) - static_cast<double>(mean[j]));
      }
    }
  }
}

template <typename T>
void scale_columns_grad(const T* grad, const T* x, int64_t rows, int64_t columns, const T* mean,
                        const T* a, const T* b, const T* c, T* grad_x) {
  for (int64_t i = 0; i < rows; ++i, grad += columns, x += columns, grad_x += columns) {
    for_each_vector<T>(columns, [&](int64_t j, int64_t lanes) NW_ALWAYS {
      const Vec<T> deviation = load_lanes(x + j, lanes) - load_lanes(mean + j, lanes);
      const Vec<T> rest = deviation * load_lanes(b + j, lanes) + load_lanes(c + j, lanes);
      store_lanes<T>(grad_x + j, load_lanes(grad + j, lanes) * load_lanes(a + j, lanes) + rest,
                     lanes);
    });
  }
}

template <typename T>
constexpr NormParts<T> kParts{
    .moments = moments<T>,
    .scale = scale<T>,
    .slopes = slopes<T>,
    .scale_grad = scale_grad<T>,
    .norm_row = norm_row<T>,
    .norm_row_grad = norm_row_grad<T>,
    .column_moments = column_moments<T>,
    .scale_columns = scale_columns<T>,
    .column_slopes = column_slopes<T>,
    .scale_columns_grad = scale_columns_grad<T>,
};

}  // namespace

void add_norm(IsaKernels& table);
void add_norm(IsaKernels& table) {
  table.f32.norm = &kParts<float>;
  table.f64.norm = &kParts<double>;
}

}  // namespace nw::cpu::NW_ISA
