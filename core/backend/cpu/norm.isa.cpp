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

/// Σ x[i] of one stretch.
template <typename T>
NW_INLINE double sum_numbers(const T* x, int64_t length) {
  Doubles sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kWide <= length; i += kSums * kWide) {
    unrolled<0, kSums>([&](auto k)
                           NW_ALWAYS { sums[k.value] += load_wide(x + i + k.value * kWide); });
  }
  for (; i + kWide <= length; i += kWide) sums[0] += load_wide(x + i);
  double total = sum_lanes<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < length; ++i) total += static_cast<double>(x[i]);
  return total;
}

template <typename T>
NW_INLINE double sum_segments(const T* x, const Segments& segments) {
  double total = 0;
  for (int64_t s = 0; s < segments.count; ++s) {
    total += sum_numbers(x + s * segments.stride, segments.length);
  }
  return total;
}

/// Adds Σ (x[i] − middle) and Σ (x[i] − middle)² of one stretch to `rest` and `squares`.
template <typename T>
NW_INLINE void add_deviations(const T* x, int64_t length, double middle, double& rest,
                              double& squares) {
  Doubles sums[2] = {};
  Doubles spread[2] = {};
  int64_t i = 0;
  for (; i + 2 * kWide <= length; i += 2 * kWide) {
    unrolled<0, 2>([&](auto k) NW_ALWAYS {
      const Doubles deviation = load_wide(x + i + k.value * kWide) - middle;
      sums[k.value] += deviation;
      spread[k.value] += deviation * deviation;
    });
  }
  rest += sum_lanes<double>(sums[0] + sums[1]);
  squares += sum_lanes<double>(spread[0] + spread[1]);
  for (; i < length; ++i) {
    const double deviation = static_cast<double>(x[i]) - middle;
    rest += deviation;
    squares += deviation * deviation;
  }
}

/// The moments, where `middle` is the mean but for rounding: what the deviations from it leave over
/// corrects both (Chan, Golub & LeVeque 1983). Equal numbers have their own mean and no variance.
NW_INLINE void correct_moments(double middle, double rest, double squares, double count,
                               double& mean, double& variance) {
  mean = middle;
  variance = squares / count;
  const double off = rest / count;
  const double corrected = middle + off;
  if (corrected != corrected) return;  // infinities are among the numbers
  mean = corrected;
  variance = variance > off * off ? variance - off * off : 0;
}

template <typename T>
NW_INLINE void moments_of(const T* x, const Segments& segments, double& mean, double& variance) {
  const double count = static_cast<double>(segments.numbers());
  const double middle = sum_segments(x, segments) / count;
  double rest = 0;
  double squares = 0;
  for (int64_t s = 0; s < segments.count; ++s) {
    add_deviations(x + s * segments.stride, segments.length, middle, rest, squares);
  }
  correct_moments(middle, rest, squares, count, mean, variance);
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

/// Whether a row is so short that its sums may be taken in T: few numbers meet in each lane.
template <typename T>
NW_INLINE bool is_short(int64_t columns) {
  return columns <= 64 * kLanes<T>;
}

/// Σ term(i, lanes) over a row, in T; term gives a vector with 0 beyond its lanes.
template <typename T, typename Term>
NW_INLINE double sum_lanewise(int64_t columns, const Term& term) {
  Vec<T> sums[2] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes<T> <= columns; i += 2 * kLanes<T>) {
    sums[0] += term(i, kLanes<T>);
    sums[1] += term(i + kLanes<T>, kLanes<T>);
  }
  for (; i + kLanes<T> <= columns; i += kLanes<T>) sums[0] += term(i, kLanes<T>);
  if (i < columns) sums[1] += term(i, columns - i);
  return static_cast<double>(sum_lanes<T>(sums[0] + sums[1]));
}

/// `value` in the first lanes, 0 in the others.
template <typename T>
NW_INLINE Vec<T> first_lanes(Vec<T> value, int64_t lanes) {
  if (lanes == kLanes<T>) return value;
  T buffer[kLanes<T>] = {};
  store_part(buffer, value, lanes);
  return load(buffer);
}

template <typename T>
NW_INLINE void row_moments(const T* x, int64_t columns, double& mean, double& variance) {
  if (!is_short<T>(columns)) {
    moments_of(x, Segments{1, 0, columns}, mean, variance);
    return;
  }
  const double count = static_cast<double>(columns);
  const double about =
      sum_lanewise<T>(
          columns, [&](int64_t i, int64_t lanes) NW_ALWAYS { return load_lanes(x + i, lanes); }) /
      count;
  const T middle = static_cast<T>(about);
  Vec<T> sums{};
  Vec<T> spread{};
  for_each_vector<T>(columns, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    const Vec<T> deviation = first_lanes<T>(load_lanes(x + i, lanes) - middle, lanes);
    sums += deviation;
    spread += deviation * deviation;
  });
  correct_moments(static_cast<double>(middle), static_cast<double>(sum_lanes<T>(sums)),
                  static_cast<double>(sum_lanes<T>(spread)), count, mean, variance);
}

template <typename T>
void norm_row(const T* x, int64_t columns, const T* weight, const T* bias, double eps, T* y,
              T* mean, T* rstd) {
  double middle = 0;
  double variance = 0;
  row_moments(x, columns, middle, variance);
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

/// Σ weighted slope and Σ weighted slope · deviation of a row.
template <typename T>
NW_INLINE void row_slopes(const T* grad, const T* x, int64_t columns, const T* weight, T mean,
                          double& sum, double& product) {
  const double middle = static_cast<double>(mean);
  Doubles sums{};
  Doubles products{};
  int64_t i = 0;
  for (; i + kWide <= columns; i += kWide) {
    const Doubles slope = load_wide(grad + i);
    const Doubles weighted = weight != nullptr ? slope * load_wide(weight + i) : slope;
    sums += weighted;
    products += weighted * (load_wide(x + i) - middle);
  }
  sum = sum_lanes<double>(sums);
  product = sum_lanes<double>(products);
  for (; i < columns; ++i) {
    const double slope = static_cast<double>(grad[i]);
    const double weighted = weight != nullptr ? slope * static_cast<double>(weight[i]) : slope;
    sum += weighted;
    product += weighted * (static_cast<double>(x[i]) - middle);
  }
}

template <typename T>
void norm_row_grad(const T* grad, const T* x, int64_t columns, const T* weight, T mean, T rstd,
                   T* grad_x, T* weight_sums, T* bias_sums) {
  double sum = 0;
  double product = 0;
  const bool brief = is_short<T>(columns);
  Vec<T> sums{};
  Vec<T> products{};
  for_each_vector<T>(columns, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    const Vec<T> slope = load_lanes(grad + i, lanes);
    const Vec<T> deviation = load_lanes(x + i, lanes) - mean;
    if (weight_sums != nullptr) {
      const Vec<T> before = load_lanes(weight_sums + i, lanes);
      store_lanes<T>(weight_sums + i, before + slope * deviation * rstd, lanes);
    }
    if (bias_sums != nullptr) {
      store_lanes<T>(bias_sums + i, load_lanes(bias_sums + i, lanes) + slope, lanes);
    }
    if (!brief) return;
    // Beyond the lanes the slope is 0.
    const Vec<T> weighted = weight != nullptr ? slope * load_lanes(weight + i, lanes) : slope;
    sums += weighted;
    products += weighted * deviation;
  });
  if (grad_x == nullptr) return;
  if (brief) {
    sum = static_cast<double>(sum_lanes<T>(sums));
    product = static_cast<double>(sum_lanes<T>(products));
  } else {
    row_slopes(grad, x, columns, weight, mean, sum, product);
  }
  const double count = static_cast<double>(columns);
  const double r = static_cast<double>(rstd);
  const T offset = static_cast<T>(sum / count);
  const T factor = static_cast<T>(product * r / count * r);
  for_each_vector<T>(columns, [&](int64_t j, int64_t lanes) NW_ALWAYS {
    Vec<T> slope = load_lanes(grad + j, lanes);
    if (weight != nullptr) slope = slope * load_lanes(weight + j, lanes);
    const Vec<T> deviation = load_lanes(x + j, lanes) - mean;
    store_lanes<T>(grad_x + j, (slope - offset - deviation * factor) * rstd, lanes);
  });
}

/// Calls body(first column, Index<vectors>(), lanes of the last vector) for stretches of columns:
/// four vectors at a time, so that one sum need not wait for another, then one by one.
template <typename T, typename Body>
NW_INLINE void for_column_vectors(int64_t columns, const Body& body) {
  int64_t j = 0;
  for (; j + kSums * kLanes<T> <= columns; j += kSums * kLanes<T>) {
    body(j, Index<kSums>(), kLanes<T>);
  }
  for (; j + kLanes<T> <= columns; j += kLanes<T>) body(j, Index<1>(), kLanes<T>);
  if (j < columns) body(j, Index<1>(), columns - j);
}

/// Adds the moments of `rows` rows, which are few, to those of `before` (Chan, Golub & LeVeque
/// 1979), for kVectors vectors of columns. What is added up in T are distances from the first row
/// and then from the mean, so that rounding counts little.
template <typename T, int kVectors>
NW_INLINE void merge_moments(const T* x, int64_t before, int64_t rows, int64_t columns,
                             int64_t lanes, double* mean, double* squares) {
  Vec<T> shift[kVectors], sums[kVectors] = {}, spread[kVectors] = {}, rest[kVectors] = {};
  const auto at = [&](int64_t i, int k)
                      NW_ALWAYS { return load_lanes(x + i * columns + k * kLanes<T>, lanes); };
  unrolled<0, kVectors>([&](auto k) NW_ALWAYS { shift[k.value] = at(0, k.value); });
  for (int64_t i = 1; i < rows; ++i) {
    unrolled<0, kVectors>([&](auto k)
                              NW_ALWAYS { sums[k.value] += at(i, k.value) - shift[k.value]; });
  }
  const T share = T{1} / static_cast<T>(rows);
  unrolled<0, kVectors>([&](auto k) NW_ALWAYS { shift[k.value] += sums[k.value] * share; });
  for (int64_t i = 0; i < rows; ++i) {
    unrolled<0, kVectors>([&](auto k) NW_ALWAYS {
      const Vec<T> deviation = at(i, k.value) - shift[k.value];
      rest[k.value] += deviation;
      spread[k.value] += deviation * deviation;
    });
  }
  const double count = static_cast<double>(rows);
  const double part = count / static_cast<double>(before + rows);
  const double weight = static_cast<double>(before) * part;
  unrolled<0, kVectors>([&](auto k) NW_ALWAYS {
    T around[kLanes<T>], left[kLanes<T>], square[kLanes<T>];
    store<T>(around, shift[k.value]);
    store<T>(left, rest[k.value]);
    store<T>(square, spread[k.value]);
    for (int64_t j = 0; j < kLanes<T> && j < lanes; ++j) {
      const int64_t column = k.value * kLanes<T> + j;
      const double off = static_cast<double>(left[j]) / count;
      const double apart = static_cast<double>(around[j]) + off - mean[column];
      mean[column] += apart * part;
      squares[column] +=
          static_cast<double>(square[j]) - off * off * count + apart * apart * weight;
    }
  });
}

template <typename T>
void column_moments(const T* x, int64_t rows, int64_t columns, double* mean, double* squares) {
  for (int64_t j = 0; j < columns; ++j) mean[j] = squares[j] = 0;
  for (int64_t first = 0; first < rows; first += kRowBlock) {
    const int64_t count = rows - first < kRowBlock ? rows - first : kRowBlock;
    const T* block = x + first * columns;
    for_column_vectors<T>(columns, [&](int64_t j, auto vectors, int64_t lanes) NW_ALWAYS {
      merge_moments<T, vectors.value>(block + j, first, count, columns, lanes, mean + j,
                                      squares + j);
    });
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
    for_column_vectors<T>(columns, [&](int64_t j, auto vectors, int64_t lanes) NW_ALWAYS {
      constexpr int kVectors = decltype(vectors)::value;
      // Of few rows in T; the blocks are added up in double.
      Vec<T> near_sums[kVectors] = {}, near_products[kVectors] = {}, middle[kVectors];
      unrolled<0, kVectors>([&](auto k) NW_ALWAYS {
        middle[k.value] = load_lanes(mean + j + k.value * kLanes<T>, lanes);
      });
      for (int64_t i = first; i < last; ++i) {
        unrolled<0, kVectors>([&](auto k) NW_ALWAYS {
          const int64_t at = i * columns + j + k.value * kLanes<T>;
          const Vec<T> slope = load_lanes(grad + at, lanes);
          near_sums[k.value] += slope;
          near_products[k.value] += slope * (load_lanes(x + at, lanes) - middle[k.value]);
        });
      }
      for (int k = 0; k < kVectors; ++k) {
        for (int64_t l = 0; l < lanes; ++l) {
          sums[j + k * kLanes<T> + l] += static_cast<double>(near_sums[k][l]);
          products[j + k * kLanes<T> + l] += static_cast<double>(near_products[k][l]);
        }
      }
    });
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
