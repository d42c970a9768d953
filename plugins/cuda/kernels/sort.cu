#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/items.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/layout.h"

// Sorting lines by Batcher's bitonic network (1968): in the shared memory of a block where a line
// fits, else chunk by chunk, and over all lines where the network reaches farther. Places settle
// ties, so the order is stable and unique.
namespace nw::cuda {
namespace {

/// A number that compares, and its place; −1 fills a line up to a power of two.
template <typename K>
struct Item {
  K key;
  int32_t place;
};

/// NaN counts as largest; of equals the one that stood first comes first.
template <typename K>
struct Before {
  bool descending;

  NW_BOTH bool operator()(const Item<K>& a, const Item<K>& b) const {
    if (a.place < 0 || b.place < 0) return b.place < 0 && a.place >= 0;
    const Item<K>& low = descending ? b : a;
    const Item<K>& high = descending ? a : b;
    const bool low_nan = low.key != low.key;
    const bool high_nan = high.key != high.key;
    if (low.key < high.key || (high_nan && !low_nan)) return true;
    if (high.key < low.key || (low_nan && !high_nan)) return false;
    return a.place < b.place;
  }
};

/// Lines of x along a dimension, of which the first `count` in order are wanted.
template <typename K>
struct Lines {
  Layout<3> layout;  // x, values, indices: where lines begin
  const void* x;
  void* values;
  int64_t* indices;
  DType dtype;
  int64_t length, count, padded;
  int64_t x_step, value_step, index_step;
  Before<K> before;

  __device__ Item<K> item(int64_t line, int64_t i) const {
    if (i >= length) return {K(0), -1};
    const int64_t at = layout(static_cast<uint32_t>(line))[0] + i * x_step;
    if constexpr (std::is_same_v<K, int64_t>) {
      return {load_whole(x, dtype, at), static_cast<int32_t>(i)};
    } else {
      return {load_value(x, dtype, at).real, static_cast<int32_t>(i)};
    }
  }
  __device__ void write(int64_t line, int64_t i, const Item<K>& item) const {
    const Offsets<3> at = layout(static_cast<uint32_t>(line));
    copy_item(values, at[1] + i * value_step, x, at[0] + item.place * x_step, dtype);
    indices[at[2] + i * index_step] = item.place;
  }
};

/// Pair number `pair` of a step of the network: `run` is the length that gets sorted, `distance`
/// how far the two are apart; `start` is where in its line the first of the items stands.
template <typename K>
__device__ void exchange(Item<K>* items, int64_t pair, int64_t run, int64_t distance,
                         const Before<K>& before, int64_t start = 0) {
  const int64_t i = pair / distance * 2 * distance + pair % distance;
  const int64_t j = i + distance;
  const bool up = ((start + i) & run) == 0;
  const Item<K> a = items[i];
  const Item<K> b = items[j];
  if (before(a, b) == up) return;
  items[i] = b;
  items[j] = a;
}

template <typename K>
__global__ void sort_lines(Lines<K> job, int64_t lines) {
  auto* items = shared_memory<Item<K>>();
  for (int64_t line = blockIdx.x; line < lines; line += gridDim.x) {
    for (int64_t i = threadIdx.x; i < job.padded; i += blockDim.x) items[i] = job.item(line, i);
    __syncthreads();
    for (int64_t run = 2; run <= job.padded; run *= 2) {
      for (int64_t distance = run / 2; distance > 0; distance /= 2) {
        for (int64_t pair = threadIdx.x; pair < job.padded / 2; pair += blockDim.x) {
          exchange(items, pair, run, distance, job.before);
        }
        __syncthreads();
      }
    }
    for (int64_t i = threadIdx.x; i < job.count; i += blockDim.x) job.write(line, i, items[i]);
    __syncthreads();
  }
}

constexpr int64_t kSharedItems = 1024;

/// The steps for runs of first_run … last_run in which the two of a pair lie in one chunk of
/// kSharedItems, in the shared memory of a block for each chunk.
template <typename K>
__global__ void sort_chunks(Item<K>* items, int64_t chunks, int64_t padded, int64_t first_run,
                            int64_t last_run, Before<K> before) {
  auto* own = shared_memory<Item<K>>();
  for (int64_t chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
    Item<K>* from = items + chunk * kSharedItems;
    const int64_t start = chunk * kSharedItems % padded;
    for (int64_t i = threadIdx.x; i < kSharedItems; i += blockDim.x) own[i] = from[i];
    __syncthreads();
    for (int64_t run = first_run; run <= last_run; run *= 2) {
      const int64_t longest = run < kSharedItems ? run : kSharedItems;
      for (int64_t distance = longest / 2; distance > 0; distance /= 2) {
        for (int64_t pair = threadIdx.x; pair < kSharedItems / 2; pair += blockDim.x) {
          exchange(own, pair, run, distance, before, start);
        }
        __syncthreads();
      }
    }
    for (int64_t i = threadIdx.x; i < kSharedItems; i += blockDim.x) from[i] = own[i];
    __syncthreads();
  }
}

template <typename K>
struct LoadItems {
  Lines<K> job;
  Item<K>* items;
  __device__ void operator()(int64_t i) const {
    items[i] = job.item(i / job.padded, i % job.padded);
  }
};
template <typename K>
struct ExchangeItems {
  Item<K>* items;
  int64_t run, distance, pairs;  // pairs: of one line
  Before<K> before;
  __device__ void operator()(int64_t i) const {
    exchange(items + i / pairs * 2 * pairs, i % pairs, run, distance, before);
  }
};
template <typename K>
struct WriteItems {
  Lines<K> job;
  const Item<K>* items;
  __device__ void operator()(int64_t i) const {
    job.write(i / job.count, i % job.count, items[i / job.count * job.padded + i % job.count]);
  }
};

template <typename K>
void sort_as(Lines<K> job, int64_t lines, const Tensor& like) {
  job.padded = 1;
  while (job.padded < job.length) job.padded *= 2;
  if (job.padded <= kSharedItems) {
    const int threads = threads_for_row(job.padded / 2);
    launch(sort_lines<K>, blocks_for_rows(lines, threads), threads,
           static_cast<size_t>(job.padded) * sizeof(Item<K>), job, lines);
    return;
  }
  const Scratch<Item<K>> items(lines * job.padded, like);
  for_each(lines * job.padded, LoadItems<K>{job, items.data()});
  const int64_t pairs = job.padded / 2;
  const int64_t chunks = lines * job.padded / kSharedItems;
  const auto in_chunks = [&](int64_t first_run, int64_t last_run) {
    launch(sort_chunks<K>, blocks_for_rows(chunks, kThreads), kThreads,
           static_cast<size_t>(kSharedItems) * sizeof(Item<K>), items.data(), chunks, job.padded,
           first_run, last_run, job.before);
  };
  in_chunks(2, kSharedItems);
  for (int64_t run = 2 * kSharedItems; run <= job.padded; run *= 2) {
    for (int64_t distance = run / 2; distance >= kSharedItems; distance /= 2) {
      for_each(lines * pairs, ExchangeItems<K>{items.data(), run, distance, pairs, job.before});
    }
    in_chunks(run, run);
  }
  for_each(lines * job.count, WriteItems<K>{job, items.data()});
}

template <typename K>
void order(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
           const Tensor& indices) {
  const auto d = static_cast<size_t>(dim);
  const auto others = [&](const Dims& all) {
    Dims left = all;
    left.erase(d);
    return left;
  };
  const Nest<3> nest(others(x.sizes()),
                     {others(x.strides()), others(values.strides()), others(indices.strides())});
  Lines<K> job{{},
               x.raw(),
               values.raw(),
               indices.data<int64_t>(),
               x.dtype(),
               x.sizes()[d],
               values.sizes()[d],
               1,
               x.strides()[d],
               values.strides()[d],
               indices.strides()[d],
               Before<K>{descending}};
  nest.for_pieces([&](const Layout<3>& layout, uint32_t lines) {
    job.layout = layout;
    sort_as(job, lines, x);
  });
}

}  // namespace

void sort(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
          const Tensor& indices) {
  if (values.numel() == 0) return;
  if (is_complex(x.dtype())) {
    throw Error(concat("[sort] complex numbers have no order, gets ", describe(x)));
  }
  NW_CHECK(x.sizes()[static_cast<size_t>(dim)] <= INT32_MAX / 2,
           "[sort] expects lines of at most 2³⁰ numbers, gets ", describe(x));
  if (is_floating(x.dtype())) {
    order<double>(x, dim, descending, values, indices);
  } else {
    order<int64_t>(x, dim, descending, values, indices);
  }
}

void topk(const Tensor& x, int64_t dim, bool largest, const Tensor& values, const Tensor& indices) {
  sort(x, dim, largest, values, indices);
}

}  // namespace nw::cuda
