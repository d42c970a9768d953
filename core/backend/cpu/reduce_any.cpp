#include <algorithm>
#include <complex>
#include <limits>
#include <type_traits>

#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/reduce_split.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

/// In what numbers of type T are added up and multiplied: wider, and whole ones so that they wrap.
template <typename T>
struct AccumulatorOf {
  using type = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
};
template <typename T>
struct AccumulatorOf<std::complex<T>> {
  using type = std::complex<double>;
};
template <typename T>
using Accumulator = typename AccumulatorOf<T>::type;

template <typename T>
struct Sum {
  // One number after the other: in double the roundings of many thousands would show.
  using Acc = std::conditional_t<std::is_same_v<T, std::complex<double>>, std::complex<long double>,
                                 Accumulator<T>>;
  static Acc first() { return Acc(0); }
  static Acc join(Acc total, T x) { return total + static_cast<Acc>(x); }
};
template <typename T>
struct Prod {
  using Acc = Accumulator<T>;
  static Acc first() { return Acc(1); }
  static Acc join(Acc total, T x) { return total * static_cast<Acc>(x); }
};

template <typename T>
T least() {
  return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                     : std::numeric_limits<T>::lowest();
}
template <typename T>
T largest() {
  return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity()
                                     : std::numeric_limits<T>::max();
}

template <typename T>
struct Max {
  using Acc = T;
  static T first() { return least<T>(); }
  static T join(T best, T x) { return best != best || best > x ? best : x; }
};
template <typename T>
struct Min {
  using Acc = T;
  static T first() { return largest<T>(); }
  static T join(T best, T x) { return best != best || best < x ? best : x; }
};

/// Joins a row, in any order, to `total`. Several running results side by side need not wait for
/// each other.
template <typename Rule, typename T>
typename Rule::Acc join_row(typename Rule::Acc total, const T* x, int64_t stride, int64_t count) {
  constexpr int64_t kSide = 16;
  int64_t i = 0;
  if constexpr (std::is_same_v<typename Rule::Acc, T>) {
    if (stride == 1 && count >= 2 * kSide) {
      T side[kSide];
      for (int64_t j = 0; j < kSide; ++j) side[j] = x[j];
      for (i = kSide; i + kSide <= count; i += kSide) {
        for (int64_t j = 0; j < kSide; ++j) side[j] = Rule::join(side[j], x[i + j]);
      }
      for (int64_t j = 0; j < kSide; ++j) total = Rule::join(total, side[j]);
    }
  }
  for (; i < count; ++i) total = Rule::join(total, x[i * stride]);
  return total;
}

/// For each number of the result, the rows that go into it.
template <typename T, typename Rule>
void reduce_as(const Tensor& x, const Tensor& out) {
  const T* from = x.data<T>();
  T* to = out.data<T>();
  const Split parts = split(x, out);
  const Walk<1> joined(parts.summed_sizes, {&parts.summed_strides});
  const Dims dense = contiguous_strides(parts.kept_sizes);
  const Walk<2> kept(parts.kept_sizes, {&parts.kept_strides, &dense});
  const int64_t terms = std::max<int64_t>(numel(parts.summed_sizes), 1);
  parallel_walk(kept, std::max<int64_t>(kGrain / terms, 1), [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const T* start = from + at[0] + i * kept.strides()[0];
      auto total = Rule::first();
      joined.for_rows(0, joined.rows(), [&](const auto& row) {
        total = join_row<Rule>(total, start + row[0], joined.strides()[0], joined.length());
      });
      to[at[1] + i * kept.strides()[1]] = static_cast<T>(total);
    }
  });
}

template <typename T, typename Rule>
void scan_as(const Tensor& x, const Tensor& out) {
  const T* from = x.data<T>();
  T* to = out.data<T>();
  const int64_t size = x.size(1);
  const int64_t inner = x.size(2);
  const int64_t grain = std::max<int64_t>(kGrain / std::max<int64_t>(size, 1), 1);
  parallel_for(x.size(0) * inner, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t start = row / inner * size * inner + row % inner;
      auto total = Rule::first();
      for (int64_t i = 0; i < size; ++i) {
        total = Rule::join(total, from[start + i * inner]);
        to[start + i * inner] = static_cast<T>(total);
      }
    }
  });
}

/// Calls body(T()) for the types that can be ordered, which 16-bit ones reach as float32.
template <typename Body>
void with_ordered(const Tensor& x, const Body& body) {
  with_any_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, Half>) {
      body(type);
    } else {
      throw InternalError(concat("[reduce] cannot order ", name(x.dtype())));
    }
  });
}

/// The same for the types that can be added.
template <typename Body>
void with_additive(const Tensor& x, const Body& body) {
  with_any_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16> ||
                  std::is_same_v<T, bool>) {
      throw InternalError(concat("[reduce] cannot add ", name(x.dtype())));
    } else {
      body(type);
    }
  });
}

}  // namespace

void reduce(ReduceOp op, const Tensor& x, const Tensor& out) {
  if (op == ReduceOp::Max || op == ReduceOp::Min) {
    with_ordered(x, [&](auto type) {
      using T = decltype(type);
      op == ReduceOp::Max ? reduce_as<T, Max<T>>(x, out) : reduce_as<T, Min<T>>(x, out);
    });
  } else {
    with_additive(x, [&](auto type) {
      using T = decltype(type);
      op == ReduceOp::Sum ? reduce_as<T, Sum<T>>(x, out) : reduce_as<T, Prod<T>>(x, out);
    });
  }
}

void extreme(ReduceOp op, const Tensor& x, const Tensor& values, const Tensor& indices) {
  with_ordered(x, [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* best = data_or_null<T>(values);
    auto* where = indices.data<int64_t>();
    const int64_t columns = x.size(1);
    const int64_t grain = std::max<int64_t>(kGrain / std::max<int64_t>(columns, 1), 1);
    parallel_for(x.size(0), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* row = from + i * columns;
        const T value = op == ReduceOp::Max ? join_row<Max<T>>(row[0], row, 1, columns)
                                            : join_row<Min<T>>(row[0], row, 1, columns);
        where[i] = value != value
                       ? std::find_if(row, row + columns, [](T item) { return item != item; }) - row
                       : std::find(row, row + columns, value) - row;
        if (best != nullptr) best[i] = row[where[i]];
      }
    });
  });
}

void scan(ReduceOp op, const Tensor& x, const Tensor& out) {
  if (x.numel() == 0) return;
  with_additive(x, [&](auto type) {
    using T = decltype(type);
    op == ReduceOp::Sum ? scan_as<T, Sum<T>>(x, out) : scan_as<T, Prod<T>>(x, out);
  });
}

}  // namespace nw::cpu
