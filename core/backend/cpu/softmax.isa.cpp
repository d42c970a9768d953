#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec_math.h"

namespace nw::cpu::NW_ISA {
namespace {

/// The largest of a row; NaN if one is there.
template <typename T>
T largest_of(const T* x, int64_t count) {
  Vec<T> largest = splat(x[0]);
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    // A part of a vector is taken from the row's end, overlapping the one before.
    const int64_t from = lanes == kLanes<T> || i == 0 ? i : count - kLanes<T>;
    if (count >= kLanes<T>) {
      const Vec<T> v = load(x + from);
      largest = select(v > largest, v, largest);
    } else {
      for (int64_t j = 0; j < count; ++j) {
        if (x[j] > largest[0]) largest[0] = x[j];
      }
    }
  });
  T result = largest[0];
  for (int64_t i = 1; i < kLanes<T>; ++i) {
    if (largest[i] > result) result = largest[i];
  }
  return result;
}

/// y = e^(x − shift); returns the sum. y may be null.
template <typename T>
NW_INLINE T exponentials(const T* x, T shift, T* y, int64_t count) {
  Vec<T> sums{};
  T rest = 0;
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    const Vec<T> e = cpu::exp(load_lanes(x + i, lanes) - shift);
    if (y != nullptr) store_lanes<T>(y + i, e, lanes);
    if (lanes == kLanes<T>) {
      sums += e;
    } else {
      for (int64_t j = 0; j < lanes; ++j) rest += e[j];
    }
  });
  return sum_lanes<T>(sums) + rest;
}

template <typename T>
NW_INLINE T log_of(T x) {
  return sizeof(T) == sizeof(float) ? __builtin_logf(static_cast<float>(x)) : __builtin_log(x);
}

template <typename T, typename F>
NW_INLINE void map(const T* x, T* y, int64_t count, const F& f) {
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    store_lanes<T>(y + i, f(load_lanes(x + i, lanes)), lanes);
  });
}

template <typename T>
void softmax(const T* x, bool logarithm, T* y, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; ++row, x += columns, y += columns) {
    const T largest = largest_of(x, columns);
    if (logarithm) {
      const T total = log_of(exponentials<T>(x, largest, nullptr, columns));
      map(x, y, columns, [&](Vec<T> v) NW_ALWAYS { return v - largest - total; });
    } else {
      const T total = exponentials(x, largest, y, columns);
      map(y, y, columns, [&](Vec<T> v) NW_ALWAYS { return v / total; });
    }
  }
}

template <typename T>
void softmax_grad(const T* grad, const T* y, bool logarithm, T* grad_x, int64_t rows,
                  int64_t columns) {
  for (int64_t row = 0; row < rows; ++row, grad += columns, y += columns, grad_x += columns) {
    double total = 0;
    for (int64_t j = 0; j < columns; ++j) {
      total += logarithm ? double(grad[j]) : double(grad[j]) * double(y[j]);
    }
    const T sum = static_cast<T>(total);
    for_each_vector<T>(columns, [&](int64_t j, int64_t lanes) NW_ALWAYS {
      const Vec<T> g = load_lanes(grad + j, lanes);
      const Vec<T> v = load_lanes(y + j, lanes);
      store_lanes<T>(grad_x + j, logarithm ? g - cpu::exp(v) * sum : (g - sum) * v, lanes);
    });
  }
}

template <typename T>
double cross_entropy(const T* x, const int64_t* target, int64_t ignore_index, double scale, T* grad,
                     int64_t rows, int64_t columns) {
  double loss = 0;
  for (int64_t row = 0; row < rows; ++row, x += columns, grad += columns) {
    if (target[row] == ignore_index) {
      for (int64_t j = 0; j < columns; ++j) grad[j] = 0;
      continue;
    }
    const T largest = largest_of(x, columns);
    const T total = exponentials(x, largest, grad, columns);
    loss -= static_cast<double>(x[target[row]] - largest - log_of(total));
    const T factor = static_cast<T>(scale / static_cast<double>(total));
    map(grad, grad, columns, [&](Vec<T> v) NW_ALWAYS { return v * factor; });
    grad[target[row]] -= static_cast<T>(scale);
  }
  return loss;
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.softmax = softmax<T>;
  table.softmax_grad = softmax_grad<T>;
  table.cross_entropy = cross_entropy<T>;
}

}  // namespace

void add_softmax(IsaKernels& table);
void add_softmax(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
