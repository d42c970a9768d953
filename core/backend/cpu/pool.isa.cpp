#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec.h"

namespace nw::cpu::NW_ISA {
namespace {

template <typename T>
using Places = typename LaneNumbers<T>::type;

template <typename T>
struct IndexTypes {
  typedef int64_t type __attribute__((vector_size(sizeof(int64_t) * kLanes<T>)));
};
template <typename T>
using Indices = typename IndexTypes<T>::type;

/// The largest of each window so far, and, if that is wanted, where it was: later ones win if
/// larger or NaN, as torch scans a window.
template <typename T, bool kPlaced>
struct Largest {
  Vec<T> value;
  Places<T> place;

  NW_INLINE void consider(Vec<T> other, Places<T> other_place) {
    const auto take = (other > value) | (other != other);
    value = take ? other : value;
    if constexpr (kPlaced) place = take ? other_place : place;
  }
  NW_INLINE void store_places(int64_t* to, int64_t lanes) const {
    if constexpr (kPlaced) {
      const Indices<T> wide = __builtin_convertvector(place, Indices<T>);
      if (lanes == kLanes<T>) {
        __builtin_memcpy(to, &wide, sizeof(wide));
      } else {
        __builtin_memcpy(to, &wide, static_cast<size_t>(lanes) * sizeof(int64_t));
      }
    }
  }
};

/// The numbers at even and at odd places of a row, as many as a vector holds.
template <typename T>
struct Pairs {
  Vec<T> even, odd;

  NW_INLINE Pairs(const T* row, int64_t count) {
    const int64_t first = count < kLanes<T> ? count : kLanes<T>;
    const Vec<T> a = load_lanes(row, first);
    const Vec<T> b = count > first ? load_lanes(row + first, count - first) : Vec<T>{};
    even = __builtin_shuffle(a, b, lanes_by<T>([](int j) NW_ALWAYS { return 2 * j; }));
    odd = __builtin_shuffle(a, b, lanes_by<T>([](int j) NW_ALWAYS { return 2 * j + 1; }));
  }
};

/// One row of results, from two rows of x that begin at place `first` of their plane.
template <typename T, bool kPlaced>
NW_INLINE void pool_row(const T* upper, int64_t width, int64_t first, T* y, int64_t* indices) {
  const Places<T> twice = lanes_by<T>([](int j) NW_ALWAYS { return 2 * j; });
  using Number = decltype(+twice[0]);
  for_each_vector<T>(width / 2, [&](int64_t j, int64_t lanes) NW_ALWAYS {
    const Pairs<T> above(upper + 2 * j, 2 * lanes);
    const Pairs<T> below(upper + width + 2 * j, 2 * lanes);
    const Places<T> place = twice + static_cast<Number>(first + 2 * j);
    Largest<T, kPlaced> largest{above.even, place};
    largest.consider(above.odd, place + 1);
    largest.consider(below.even, place + static_cast<Number>(width));
    largest.consider(below.odd, place + static_cast<Number>(width + 1));
    store_lanes<T>(y + j, largest.value, lanes);
    largest.store_places(indices + j, lanes);
  });
}

template <typename T, bool kPlaced>
NW_INLINE void pool_planes(const HalvingPool<T>& pool) {
  const int64_t rows = pool.height / 2;
  const int64_t columns = pool.width / 2;
  for (int64_t plane = 0; plane < pool.planes; ++plane) {
    const T* x = pool.x + plane * pool.height * pool.width;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t first = 2 * row * pool.width;
      const int64_t to = (plane * rows + row) * columns;
      pool_row<T, kPlaced>(x + first, pool.width, first, pool.y + to, pool.indices + to);
    }
  }
}

template <typename T>
void halving_pool(const HalvingPool<T>& pool) {
  if (pool.indices != nullptr) {
    pool_planes<T, true>(pool);
  } else {
    pool_planes<T, false>(pool);
  }
}

template <typename T, bool kPlaced>
NW_INLINE void pool_channels(const ChannelsPool<T>& pool) {
  using Number = decltype(+Places<T>{}[0]);
  const auto place = [&](int64_t i)
                         NW_ALWAYS { return Places<T>{} + static_cast<Number>(pool.places[i]); };
  const auto row = [&](int64_t i) NW_ALWAYS { return pool.x + pool.places[i] * pool.channels; };
  for_each_vector<T>(pool.channels, [&](int64_t c, int64_t lanes) NW_ALWAYS {
    Largest<T, kPlaced> largest{load_lanes(row(0) + c, lanes), place(0)};
    for (int64_t i = 1; i < pool.count; ++i) {
      largest.consider(load_lanes(row(i) + c, lanes), place(i));
    }
    store_lanes<T>(pool.y + c, largest.value, lanes);
    largest.store_places(pool.indices + c, lanes);
  });
}

template <typename T>
void channels_pool(const ChannelsPool<T>& pool) {
  if (pool.indices != nullptr) {
    pool_channels<T, true>(pool);
  } else {
    pool_channels<T, false>(pool);
  }
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.halving_pool = halving_pool<T>;
  table.channels_pool = channels_pool<T>;
}

}  // namespace

void add_pooling(IsaKernels& table);
void add_pooling(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
