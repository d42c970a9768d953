#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec.h"

namespace nw::cpu::NW_ISA {
namespace {

/// Columns that sum_rows adds up at a time.
constexpr int64_t kColumns = 128;

template <typename T>
double sum(const T* x, int64_t stride, int64_t count) {
  // Several partial sums keep the additions independent of each other.
  constexpr int64_t kSums = 4 * kLanes<double>;
  double partial[kSums] = {};
  int64_t i = 0;
  if (stride == 1) {
    for (; i + kSums <= count; i += kSums) {
      for (int64_t j = 0; j < kSums; ++j) partial[j] += static_cast<double>(x[i + j]);
    }
  }
  double total = 0;
  for (; i < count; ++i) total += static_cast<double>(x[i * stride]);
  for (const double value : partial) total += value;
  return total;
}

template <typename T>
void sum_rows(const T* x, int64_t row_stride, int64_t rows, int64_t columns, T* out) {
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t width = columns - first < kColumns ? columns - first : kColumns;
    double totals[kColumns];
    for (int64_t j = 0; j < width; ++j) totals[j] = 0;
    for (int64_t i = 0; i < rows; ++i) {
      const T* row = x + i * row_stride + first;
      for (int64_t j = 0; j < width; ++j) totals[j] += static_cast<double>(row[j]);
    }
    for (int64_t j = 0; j < width; ++j) out[first + j] = static_cast<T>(totals[j]);
  }
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.sum = sum<T>;
  table.sum_rows = sum_rows<T>;
}

}  // namespace

void add_reductions(IsaKernels& table);
void add_reductions(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
