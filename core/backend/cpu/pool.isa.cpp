#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec.h"

namespace nw::cpu::NW_ISA {
namespace {

/// Takes `value` as the largest so far if it is larger or NaN, as torch scans a window.
template <typename T>
NW_INLINE void consider(T value, int64_t at, T& largest, int64_t& where) {
  const bool take = value > largest || value != value;
  largest = take ? value : largest;
  where = take ? at : where;
}

template <typename T>
void halving_pool(const HalvingPool<T>& pool) {
  const int64_t rows = pool.height / 2;
  const int64_t columns = pool.width / 2;
  for (int64_t plane = 0; plane < pool.planes; ++plane) {
    const T* x = pool.x + plane * pool.height * pool.width;
    for (int64_t row = 0; row < rows; ++row) {
      const T* upper = x + 2 * row * pool.width;
      const T* lower = upper + pool.width;
      T* y = pool.y + (plane * rows + row) * columns;
      int64_t* indices = pool.indices + (plane * rows + row) * columns;
      const int64_t first = 2 * row * pool.width;
      for (int64_t j = 0; j < columns; ++j) {
        int64_t where = first + 2 * j;
        T largest = upper[2 * j];
        consider(upper[2 * j + 1], first + 2 * j + 1, largest, where);
        consider(lower[2 * j], first + pool.width + 2 * j, largest, where);
        consider(lower[2 * j + 1], first + pool.width + 2 * j + 1, largest, where);
        y[j] = largest;
        indices[j] = where;
      }
    }
  }
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.halving_pool = halving_pool<T>;
}

}  // namespace

void add_pooling(IsaKernels& table);
void add_pooling(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
