#pragma once

#include <span>

#include "plugins/cuda/kernels/map.h"

/// One launch for many tensors: where they lie is told in the parameters of the kernel, so that
/// nothing is sent to the device before. A block works on one stretch of one tensor.
namespace nw::cuda {

/// Numbers of a tensor that a block works on.
inline constexpr int64_t kStretch = 4096;

/// Number t of list k begins at at[k][t]; null where there is none. All at the same place of the
/// lists are of one size.
template <int kLists>
struct TensorTable {
  static constexpr int kMost = 320;  // 32764 bytes is what a launch may take
  void* at[kLists][kMost];
  int64_t sizes[kMost];
  int32_t begin[kMost + 1];  // the first block of each
  int count;

  NW_BOTH int32_t blocks() const { return begin[count]; }
  /// Which tensor a block works on.
  NW_BOTH int tensor_of(int32_t block) const {
    int low = 0;
    int high = count - 1;
    while (low < high) {  // the last one that begins no later; empty ones have no block
      const int middle = (low + high + 1) / 2;
      if (begin[middle] <= block) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

/// Reads the numbers of a block's stretch from all lists, calls body(values), where values[k] is of
/// list k, and writes those lists back of which body.writes(k).
template <typename T, int kLists, typename Body>
__device__ void for_stretch(const TensorTable<kLists>& table, const Body& body) {
  constexpr int kItems = Pack<T>::kItems;
  const auto block = static_cast<int32_t>(blockIdx.x);
  const int tensor = table.tensor_of(block);
  const int64_t first = (block - table.begin[tensor]) * kStretch;
  const int64_t left = table.sizes[tensor] - first;
  const int64_t count = left < kStretch ? left : kStretch;
  T* from[kLists];
  bool packed = true;
  for (int k = 0; k < kLists; ++k) {
    T* start = static_cast<T*>(table.at[k][tensor]);
    from[k] = start != nullptr ? start + first : nullptr;
    packed = packed && reinterpret_cast<uintptr_t>(from[k]) % sizeof(Pack<T>) == 0;
  }
  const int64_t packs = packed ? count / kItems : 0;
  for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    Pack<T> packs_of[kLists] = {};
    for (int k = 0; k < kLists; ++k) {
      if (from[k] != nullptr) packs_of[k] = reinterpret_cast<const Pack<T>*>(from[k])[i];
    }
    for (int j = 0; j < kItems; ++j) {
      T values[kLists];
      for (int k = 0; k < kLists; ++k) values[k] = packs_of[k].items[j];
      body(values);
      for (int k = 0; k < kLists; ++k) packs_of[k].items[j] = values[k];
    }
    for (int k = 0; k < kLists; ++k) {
      if (body.writes(k) && from[k] != nullptr) {
        reinterpret_cast<Pack<T>*>(from[k])[i] = packs_of[k];
      }
    }
  }
  for (int64_t i = packs * kItems + threadIdx.x; i < count; i += blockDim.x) {
    T values[kLists] = {};
    for (int k = 0; k < kLists; ++k) {
      if (from[k] != nullptr) values[k] = from[k][i];
    }
    body(values);
    for (int k = 0; k < kLists; ++k) {
      if (body.writes(k) && from[k] != nullptr) from[k][i] = values[k];
    }
  }
}

template <typename T, int kLists, typename Body>
__global__ void stretch_kernel(TensorTable<kLists> table, Body body) {
  for_stretch<T>(table, body);
}

/// Calls launch_table(table, first) for as many of the tensors at a time as fit, where `first` is
/// the number of the table's first one. A list may be empty: there is none of it.
template <size_t kLists, typename LaunchTable>
void for_tables(const std::span<const Tensor> (&lists)[kLists], const LaunchTable& launch_table) {
  using Table = TensorTable<static_cast<int>(kLists)>;
  const size_t all = lists[0].size();
  for (size_t first = 0; first < all; first += Table::kMost) {
    Table table;
    table.count = static_cast<int>(std::min<size_t>(all - first, Table::kMost));
    table.begin[0] = 0;
    for (int t = 0; t < table.count; ++t) {
      const size_t own = first + static_cast<size_t>(t);
      for (size_t k = 0; k < kLists; ++k) {
        table.at[k][t] = lists[k].empty() ? nullptr : lists[k][own].raw();
      }
      table.sizes[t] = lists[0][own].numel();
      const int64_t blocks = (table.sizes[t] + kStretch - 1) / kStretch;
      table.begin[t + 1] = table.begin[t] + static_cast<int32_t>(blocks);
    }
    launch_table(table, first);
  }
}

/// body(values) for the numbers of all tensors, which have the type T in memory.
template <typename T, size_t kLists, typename Body>
void for_tensors(const std::span<const Tensor> (&lists)[kLists], const Body& body) {
  constexpr int kCount = static_cast<int>(kLists);
  for_tables(lists, [&](const TensorTable<kCount>& table, size_t) {
    if (table.blocks() == 0) return;
    launch(stretch_kernel<T, kCount, Body>, table.blocks(), kThreads, 0, table, body);
  });
}

}  // namespace nw::cuda
