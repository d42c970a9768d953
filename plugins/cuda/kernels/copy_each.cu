#include "plugins/cuda/kernels/copy_each.h"

#include "plugins/cuda/kernels/tensor_lists.h"

namespace nw::cuda {
namespace {

/// Lists: from, to. T: any type of the size of the numbers.
template <typename T>
__global__ void copy_stretches(TensorTable<2> table) {
  constexpr int kItems = Pack<T>::kItems;
  const auto block = static_cast<int32_t>(blockIdx.x);
  const int tensor = table.tensor_of(block);
  const int64_t first = (block - table.begin[tensor]) * kStretch;
  const int64_t left = table.sizes[tensor] - first;
  const int64_t count = left < kStretch ? left : kStretch;
  const T* from = static_cast<const T*>(table.at[0][tensor]) + first;
  T* to = static_cast<T*>(table.at[1][tensor]) + first;
  const bool packed =
      (reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) % sizeof(Pack<T>) == 0;
  const int64_t packs = packed ? count / kItems : 0;
  for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    reinterpret_cast<Pack<T>*>(to)[i] = reinterpret_cast<const Pack<T>*>(from)[i];
  }
  for (int64_t i = packs * kItems + threadIdx.x; i < count; i += blockDim.x) to[i] = from[i];
}

template <typename T>
void copy_all(std::span<const Tensor> from, std::span<const Tensor> to) {
  for_tables({from, to}, [](const TensorTable<2>& table, size_t) {
    if (table.blocks() > 0) launch(copy_stretches<T>, table.blocks(), kThreads, 0, table);
  });
}

}  // namespace

void copy_each(std::span<const Tensor> from, std::span<const Tensor> to) {
  if (from.empty()) return;
  switch (item_bytes(from[0].dtype())) {
    case 2:
      return copy_all<uint16_t>(from, to);
    case 4:
      return copy_all<uint32_t>(from, to);
    default:
      return copy_all<uint64_t>(from, to);
  }
}

}  // namespace nw::cuda
