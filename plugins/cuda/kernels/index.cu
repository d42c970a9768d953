#include "core/backend/index_kernels.h"

#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/items.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/layout.h"
#include "plugins/cuda/kernels/map.h"

// Taking by index, and putting where one place may be named several times: there each place looks
// for what it is given, in the order of the indices, so that no two threads write to one place.
namespace nw::cuda {
namespace {

/// out[…] = x[… + index · step]
template <typename T>
struct Take {
  Layout<3> layout;  // x, index, out
  const T* x;
  const int64_t* index;
  int64_t step;
  T* out;
  int64_t size;  // −1: indices were checked
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const Offsets<3> at = layout(static_cast<uint32_t>(i));
    const int64_t place = index[at[1]];
    if (size >= 0 && (place < 0 || place >= size)) {
      report.raise(FaultKind::Index, place, size);
      out[at[2]] = T{};
      return;
    }
    out[at[2]] = x[at[0] + place * step];
  }
};

template <typename T>
void take_items(Nest<3> nest, const Tensor& x, const Tensor& index, int64_t step, int64_t size,
                const Tensor& out, const char* text) {
  Take<T> body{{},   numbers<const T>(x), index.data<int64_t>(), step, numbers<T>(out),
               size, fault_report(text)};
  nest.for_pieces([&](const Layout<3>& layout, uint32_t count) {
    body.layout = layout;
    for_each(count, body);
  });
}

/// Sixteen bytes at once where rows allow it.
void take_any(Nest<3> nest, const Tensor& x, const Tensor& index, int64_t step, int64_t size,
              const Tensor& out, const char* text) {
  const auto bytes = static_cast<int64_t>(item_bytes(out.dtype()));
  constexpr unsigned kXAndOut = 0b101;
  if (bytes < 16 && step % (16 / bytes) == 0 && is_packable(x.raw()) && is_packable(out.raw()) &&
      nest.widen(16 / bytes, kXAndOut)) {
    return take_items<Item16>(nest, x, index, step / (16 / bytes), size, out, text);
  }
  with_item(out.dtype(),
            [&](auto item) { take_items<decltype(item)>(nest, x, index, step, size, out, text); });
}

Dims without_step(const Dims& strides, size_t dim) {
  Dims left = strides;
  left[dim] = 0;
  return left;
}

struct CheckIndices {
  Layout<1> layout;
  const int64_t* index;
  int64_t size;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const int64_t place = index[layout(static_cast<uint32_t>(i))[0]];
    if (place < 0 || place >= size) report.raise(FaultKind::Index, place, size);
  }
};

void check_indices(const Tensor& index, int64_t size, const char* text) {
  const Nest<1> nest(index.sizes(), {index.strides()});
  nest.for_pieces([&](const Layout<1>& layout, uint32_t count) {
    for_each(count, CheckIndices{layout, index.data<int64_t>(), size, fault_report(text)});
  });
}

/// Rows of out (outer, size, inner) to which source (outer, n, inner) is added; the strides of
/// both.
struct RowsToAdd {
  int64_t outers, size, inner, count;
  int64_t source_steps[3], out_steps[3];
  const int64_t* index;
  int64_t index_step;
  const void* source;
  void* out;
  DType dtype;

  /// By all lanes of a warp: row `own` of out += row `from` of source.
  __device__ void add(int64_t outer, int64_t own, int64_t from, int lane) const {
    for (int64_t c = lane; c < inner; c += kWarpThreads) {
      add_item(out, outer * out_steps[0] + own * out_steps[1] + c * out_steps[2], source,
               outer * source_steps[0] + from * source_steps[1] + c * source_steps[2], dtype);
    }
  }
};

/// A warp for each row of out: it looks through the indices, 32 at a time, and adds what is its
/// own.
__global__ void add_rows(RowsToAdd job) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int64_t warps = thread_count() / kWarpThreads;
  for (int64_t row = thread_number() / kWarpThreads; row < job.outers * job.size; row += warps) {
    const int64_t own = row % job.size;
    const int64_t outer = row / job.size;
    for (int64_t first = 0; first < job.count; first += kWarpThreads) {
      const int64_t j = first + lane;
      const bool mine = j < job.count && job.index[j * job.index_step] == own;
      for (unsigned marks = __ballot_sync(kAllLanes, mine); marks != 0; marks &= marks - 1) {
        const int64_t from = first + __ffs(marks) - 1;
        job.add(outer, own, from, lane);
      }
    }
  }
}

/// The same where the index stands in order, of which `places` tells where each was: the warp of
/// the first one that names a row adds all that do.
__global__ void add_sorted_rows(RowsToAdd job, const int64_t* sorted, const int64_t* places) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int64_t warps = thread_count() / kWarpThreads;
  for (int64_t i = thread_number() / kWarpThreads; i < job.outers * job.count; i += warps) {
    const int64_t outer = i / job.count;
    const int64_t first = i % job.count;
    const int64_t own = sorted[first];
    if (own < 0 || own >= job.size || (first > 0 && sorted[first - 1] == own)) continue;
    for (int64_t j = first; j < job.count && sorted[j] == own; ++j) {
      job.add(outer, own, places[j], lane);
    }
  }
}

/// Above so many comparisons of a row with an index, putting the index in order is faster.
constexpr int64_t kMostComparisons = int64_t{1} << 23;

void add_in_order(const RowsToAdd& job, const Tensor& index, const Tensor& out) {
  const Tensor sorted = empty({job.count}, DType::Int64, out.device());
  const Tensor places = empty({job.count}, DType::Int64, out.device());
  sort(index.as_strided({job.count}, {job.index_step}, index.offset()), 0, false, sorted, places);
  launch(add_sorted_rows, blocks_for(job.outers * job.count * kWarpThreads), kThreads, 0, job,
         sorted.data<int64_t>(), places.data<int64_t>());
}

/// Each place of out along the dimension takes what the indices of its line give it.
struct Scatter {
  Layout<4> layout;  // source, index, the place along the dimension, out
  int64_t count, source_step, index_step;
  const void* source;
  const int64_t* index;
  void* out;
  DType dtype;
  PutMode mode;

  __device__ void operator()(int64_t i) const {
    const Offsets<4> at = layout(static_cast<uint32_t>(i));
    for (int64_t j = 0; j < count; ++j) {
      if (index[at[1] + j * index_step] != at[2]) continue;
      put_item(mode, out, at[3], source, at[0] + j * source_step, dtype);
    }
  }
};

}  // namespace

void index_select(const Tensor& x, const Tensor& index, const Tensor& out) {
  const Dims index_strides{0, index.dim() > 0 ? index.strides()[0] : 0, 0};
  const Nest<3> nest(out.sizes(), {without_step(x.strides(), 1), index_strides, out.strides()});
  take_any(nest, x, index, x.strides()[1], x.size(1), out, "[index_select]");
}

void gather(const Tensor& x, const Tensor& index, int64_t dim, const Tensor& out) {
  const auto d = static_cast<size_t>(dim);
  const Nest<3> nest(out.sizes(), {without_step(x.strides(), d), index.strides(), out.strides()});
  take_any(nest, x, index, x.strides()[d], x.sizes()[d], out, "[gather]");
}

void take(const Tensor& x, const Tensor& offsets, const Tensor& out) {
  Dims x_strides = x.strides();
  x_strides.insert(0, 0);
  Dims offset_strides(x_strides.size(), 0);
  offset_strides[0] = 1;
  take_any(Nest<3>(out.sizes(), {x_strides, offset_strides, out.strides()}), x, offsets, 1, -1, out,
           "[index]");
}

void index_add(const Tensor& source, const Tensor& index, const Tensor& out) {
  check_indices(index, out.size(1), "[index_select]");
  if (source.numel() == 0) return;
  RowsToAdd job{out.size(0),
                out.size(1),
                out.size(2),
                source.size(1),
                {},
                {},
                index.data<int64_t>(),
                index.dim() > 0 ? index.strides()[0] : 1,
                source.raw(),
                out.raw(),
                out.dtype()};
  for (size_t d = 0; d < 3; ++d) {
    job.source_steps[d] = source.strides()[d];
    job.out_steps[d] = out.strides()[d];
  }
  if (job.size * job.count <= kMostComparisons) {
    launch(add_rows, blocks_for(job.outers * job.size * kWarpThreads), kThreads, 0, job);
  } else {
    add_in_order(job, index, out);
  }
}

void scatter(const Tensor& source, const Tensor& index, int64_t dim, PutMode mode,
             const Tensor& out) {
  const auto d = static_cast<size_t>(dim);
  check_indices(index, out.sizes()[d], "[scatter]");
  if (index.numel() == 0) return;
  Dims sizes = index.sizes();
  sizes[d] = out.sizes()[d];
  Dims places(sizes.size(), 0);
  places[d] = 1;
  const Nest<4> nest(sizes, {without_step(source.strides(), d), without_step(index.strides(), d),
                             places, out.strides()});
  Scatter body{{},           index.sizes()[d],      source.strides()[d], index.strides()[d],
               source.raw(), index.data<int64_t>(), out.raw(),           out.dtype(),
               mode};
  nest.for_pieces([&](const Layout<4>& layout, uint32_t count) {
    body.layout = layout;
    for_each(count, body);
  });
}

const IndexKernels kIndexKernels{
    .index_select = index_select,
    .index_add = index_add,
    .gather = gather,
    .scatter = scatter,
    .offsets = index_offsets,
    .take = take,
    .put = put,
    .masked_fill = masked_fill,
    .count_nonzero = count_nonzero,
    .nonzero = nonzero,
    .triangle = triangle,
    .sort = sort,
    .topk = topk,
};

}  // namespace nw::cuda
