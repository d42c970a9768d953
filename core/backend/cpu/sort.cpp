#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/index.h"
#include "core/backend/cpu/items.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

/// Numbers that compare at once; 16-bit floating types compare as float32.
template <typename T>
using Key = std::conditional_t<kIsFloating<T> && sizeof(T) == 2, float, T>;

template <typename K>
struct Item {
  K key;
  int64_t index;
};

template <typename K>
bool is_nan(K value) {
  if constexpr (std::is_floating_point_v<K>) {
    return std::isnan(value);
  } else {
    return false;
  }
}

/// Whether `a` comes before `b`; of equals the one that stood first does. NaN counts as largest.
template <typename K>
struct Before {
  bool descending;

  bool operator()(const Item<K>& a, const Item<K>& b) const {
    const Item<K>& low = descending ? b : a;
    const Item<K>& high = descending ? a : b;
    if (low.key < high.key || (is_nan(high.key) && !is_nan(low.key))) return true;
    if (high.key < low.key || (is_nan(low.key) && !is_nan(high.key))) return false;
    return a.index < b.index;
  }
};

/// Puts the first `count` of each line along `dim` in order.
template <typename T>
void order(const Tensor& x, size_t dim, bool descending, const Tensor& values,
           const Tensor& indices) {
  using K = Key<T>;
  const int64_t length = x.sizes()[dim];
  const int64_t count = values.sizes()[dim];
  const auto others = [&](const Dims& all) {
    Dims left = all;
    left.erase(dim);
    return left;
  };
  const Dims from_strides = others(x.strides());
  const Dims value_strides = others(values.strides());
  const Dims index_strides = others(indices.strides());
  const Walk<3> lines(others(x.sizes()), {&from_strides, &value_strides, &index_strides});
  const Before<K> before{descending};
  parallel_walk(lines, std::max<int64_t>(kHeavyGrain / std::max<int64_t>(length, 1), 1),
                [&](const auto& at, int64_t line_count) {
                  std::vector<Item<K>> items(static_cast<size_t>(length));
                  const auto& steps = lines.strides();
                  for (int64_t line = 0; line < line_count; ++line) {
                    const T* from = static_cast<const T*>(x.raw()) + at[0] + line * steps[0];
                    for (int64_t i = 0; i < length; ++i) {
                      const K key = convert<K>(from[i * x.strides()[dim]]);
                      items[static_cast<size_t>(i)] = {key, i};
                    }
                    const auto middle = items.begin() + count;
                    if (count < length) {
                      std::nth_element(items.begin(), middle, items.end(), before);
                    }
                    std::sort(items.begin(), middle, before);
                    T* value = static_cast<T*>(values.raw()) + at[1] + line * steps[1];
                    int64_t* index = indices.data<int64_t>() + at[2] + line * steps[2];
                    for (int64_t i = 0; i < count; ++i) {
                      const Item<K>& item = items[static_cast<size_t>(i)];
                      value[i * values.strides()[dim]] = from[item.index * x.strides()[dim]];
                      index[i * indices.strides()[dim]] = item.index;
                    }
                  }
                });
}

void order_any(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
               const Tensor& indices) {
  if (values.numel() == 0) return;
  with_any_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    if constexpr (kIsComplex<T>) {
      throw Error(concat("[sort] complex numbers have no order, gets ", describe(x)));
    } else {
      order<T>(x, static_cast<size_t>(dim), descending, values, indices);
    }
  });
}

}  // namespace

void sort(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
          const Tensor& indices) {
  order_any(x, dim, descending, values, indices);
}

void topk(const Tensor& x, int64_t dim, bool largest, const Tensor& values, const Tensor& indices) {
  order_any(x, dim, largest, values, indices);
}

}  // namespace nw::cpu
