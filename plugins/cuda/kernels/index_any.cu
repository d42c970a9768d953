#include "core/backend/fallback.h"
#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/items.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/layout.h"

// Indexing by several tensors, masks and triangles.
namespace nw::cuda {
namespace {

struct AddOffsets {
  const int64_t* index;
  int64_t size, stride;
  bool first;
  int64_t* out;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    int64_t value = index[i];
    if (value < -size || value >= size) {
      report.raise(FaultKind::SignedIndex, value, size);
      value = 0;
    }
    const int64_t step = (value < 0 ? value + size : value) * stride;
    out[i] = first ? step : out[i] + step;
  }
};

/// For each offset, where the next of its kind stands, and whether there is one before it; from the
/// offsets in order.
struct LinkEqual {
  const int64_t* sorted;
  const int64_t* places;
  int64_t count;
  int32_t* next;  // −1: none
  uint8_t* later;

  __device__ void operator()(int64_t i) const {
    const bool more = i + 1 < count && sorted[i + 1] == sorted[i];
    next[places[i]] = more ? static_cast<int32_t>(places[i + 1]) : -1;
    later[places[i]] = i > 0 && sorted[i - 1] == sorted[i] ? 1 : 0;
  }
};

struct Put {
  Layout<3> layout;  // source, which offset, out
  const int64_t* offsets;
  const int32_t* next;
  const uint8_t* later;
  int64_t source_step;
  const void* source;
  void* out;
  DType dtype;
  PutMode mode;

  __device__ void operator()(int64_t i) const {
    const Offsets<3> at = layout(static_cast<uint32_t>(i));
    if (later[at[1]] != 0) return;  // done with the first of its kind
    const int64_t to = at[2] + offsets[at[1]];
    for (int64_t j = at[1]; j >= 0; j = next[j]) {
      put_item(mode, out, to, source, at[0] + (j - at[1]) * source_step, dtype);
    }
  }
};

struct MaskedFill {
  Layout<2> layout;
  const bool* mask;
  const void* value;
  void* out;
  DType dtype;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    if (mask[at[0]]) copy_item(out, at[1], value, 0, dtype);
  }
};

/// How many of each stretch of kThreads numbers are not 0, in row-major order.
struct Found {
  Layout<1> layout;
  const void* x;
  DType dtype;
  int64_t count;

  __device__ bool operator()(int64_t i) const {
    return i < count && !is_zero_item(x, dtype, layout(static_cast<uint32_t>(i))[0]);
  }
  int64_t stretches() const { return (count + kThreads - 1) / kThreads; }
};

__global__ void count_found(Found found, int64_t stretches, int64_t* counts) {
  for (int64_t s = blockIdx.x; s < stretches; s += gridDim.x) {
    const int64_t one = found(s * kThreads + threadIdx.x) ? 1 : 0;
    const int64_t total = block_reduce(one, Plus<int64_t>{});
    if (threadIdx.x == 0) counts[s] = total;
  }
}

/// counts[s] becomes the sum of those before; `whole`, if there is one, the sum of all. One block.
__global__ void sum_before(int64_t* counts, int64_t stretches, int64_t* whole) {
  __shared__ int64_t ends[kThreads / kWarpThreads];
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  int64_t before = 0;
  for (int64_t first = 0; first < stretches; first += kThreads) {
    const int64_t i = first + threadIdx.x;
    const int64_t own = i < stretches ? counts[i] : 0;
    int64_t value = own;
    for (int delta = 1; delta < kWarpThreads; delta *= 2) {
      const int64_t left = __shfl_up_sync(kAllLanes, value, delta);
      if (lane >= delta) value += left;
    }
    if (lane == kWarpThreads - 1) ends[warp] = value;
    __syncthreads();
    int64_t carried = before;
    for (int w = 0; w < kThreads / kWarpThreads; ++w) {
      if (w < warp) carried += ends[w];
      before += ends[w];
    }
    if (i < stretches) counts[i] = carried + value - own;
    __syncthreads();
  }
  if (whole != nullptr && threadIdx.x == 0) *whole = before;
}

/// Where they are: (count, rank).
__global__ void write_found(Found found, int64_t stretches, const int64_t* before, Layout<1> sizes,
                            int64_t* out) {
  __shared__ int64_t of_warp[kThreads / kWarpThreads];
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  for (int64_t s = blockIdx.x; s < stretches; s += gridDim.x) {
    const int64_t i = s * kThreads + threadIdx.x;
    const bool there = found(i);
    const unsigned marks = __ballot_sync(kAllLanes, there);
    if (lane == 0) of_warp[warp] = __popc(marks);
    __syncthreads();
    int64_t place = before[s] + __popc(marks & ((1u << lane) - 1));
    for (int w = 0; w < warp; ++w) place += of_warp[w];
    if (there) {
      auto rest = static_cast<uint32_t>(i);
      for (int d = 0; d < sizes.rank; ++d) {
        const uint32_t above = sizes.sizes[d].quotient(rest);
        out[place * sizes.rank + (sizes.rank - 1 - d)] = rest - above * sizes.sizes[d].value;
        rest = above;
      }
    }
    __syncthreads();
  }
}

Found found_in(const Tensor& x) {
  return {ordered_layout(x.sizes(), x.strides()), x.raw(), x.dtype(), x.numel()};
}

struct Triangle {
  Layout<4> layout;  // x, row, column, out
  const void* x;
  void* out;
  DType dtype;
  int64_t diagonal;
  bool upper;

  __device__ void operator()(int64_t i) const {
    const Offsets<4> at = layout(static_cast<uint32_t>(i));
    const int64_t edge = at[1] + diagonal;
    if (upper ? at[2] >= edge : at[2] <= edge) {
      copy_item(out, at[3], x, at[0], dtype);
    } else {
      const Item16 zero{};
      copy_item(out, at[3], &zero, 0, dtype);
    }
  }
};

/// The strides of a count along one dimension.
Dims counting(size_t rank, size_t dim) {
  Dims strides(rank, 0);
  strides[dim] = 1;
  return strides;
}

}  // namespace

void index_offsets(std::span<const Tensor> indices, const Dims& sizes, const Dims& strides,
                   const Tensor& out) {
  if (indices.empty()) return fill(out, int64_t{0});
  for (size_t k = 0; k < indices.size(); ++k) {
    for_each(out.numel(), AddOffsets{indices[k].data<int64_t>(), sizes[k], strides[k], k == 0,
                                     out.data<int64_t>(), fault_report("[index]")});
  }
}

void put(const Tensor& source, const Tensor& offsets, PutMode mode, const Tensor& out) {
  if (source.numel() == 0) return;
  const int64_t count = source.size(0);
  const Tensor sorted = empty({count}, DType::Int64, out.device());
  const Tensor places = empty({count}, DType::Int64, out.device());
  sort(offsets.as_strided({count}, {1}, offsets.offset()), 0, false, sorted, places);
  const Scratch<int32_t> next(count, out);
  const Scratch<uint8_t> later(count, out);
  for_each(count, LinkEqual{sorted.data<int64_t>(), places.data<int64_t>(), count, next.data(),
                            later.data()});
  Dims out_strides = out.strides();
  out_strides.insert(0, 0);
  const Nest<3> nest(source.sizes(),
                     {source.strides(), counting(out_strides.size(), 0), out_strides});
  Put body{{},
           offsets.data<int64_t>(),
           next.data(),
           later.data(),
           source.strides()[0],
           source.raw(),
           out.raw(),
           out.dtype(),
           mode};
  nest.for_pieces([&](const Layout<3>& layout, uint32_t items) {
    body.layout = layout;
    for_each(items, body);
  });
}

void masked_fill(const Tensor& mask, const Tensor& value, const Tensor& out) {
  const Nest<2> nest(out.sizes(), {mask.strides(), out.strides()});
  nest.for_pieces([&](const Layout<2>& layout, uint32_t count) {
    for_each(count, MaskedFill{layout, numbers<bool>(mask), value.raw(), out.raw(), out.dtype()});
  });
}

void count_nonzero(const Tensor& x, const Tensor& count) {
  if (x.numel() > INT32_MAX) return fallback_kernels().index->count_nonzero(x, count);
  const Found found = found_in(x);
  const Scratch<int64_t> counts(found.stretches(), x);
  if (x.numel() > 0) {
    launch(count_found, blocks_for_rows(found.stretches(), kThreads), kThreads, 0, found,
           found.stretches(), counts.data());
  }
  launch(sum_before, 1, kThreads, 0, counts.data(), found.stretches(), count.data<int64_t>());
}

void nonzero(const Tensor& x, const Tensor& out) {
  if (x.numel() > INT32_MAX) return fallback_kernels().index->nonzero(x, out);
  if (out.numel() == 0) return;
  const Found found = found_in(x);
  const Scratch<int64_t> counts(found.stretches(), x);
  const int64_t blocks = blocks_for_rows(found.stretches(), kThreads);
  launch(count_found, blocks, kThreads, 0, found, found.stretches(), counts.data());
  launch(sum_before, 1, kThreads, 0, counts.data(), found.stretches(), nullptr);
  launch(write_found, blocks, kThreads, 0, found, found.stretches(), counts.data(), found.layout,
         out.data<int64_t>());
}

void triangle(const Tensor& x, int64_t diagonal, bool upper, const Tensor& out) {
  const size_t rank = x.sizes().size();
  const Nest<4> nest(out.sizes(), {x.strides(), counting(rank, rank - 2), counting(rank, rank - 1),
                                   out.strides()});
  nest.for_pieces([&](const Layout<4>& layout, uint32_t count) {
    for_each(count, Triangle{layout, x.raw(), out.raw(), out.dtype(), diagonal, upper});
  });
}

}  // namespace nw::cuda
