#include <optional>

#include "core/backend/creation.h"
#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"

// Rows of embeddings, in bags. Each number of a result is made by one thread or one warp in the
// order of the indices, so that sums repeat bit for bit.
namespace nw::cuda {
namespace {

/// Where the bags begin and end among the indices. What does not fit is noted by CheckBags and
/// left out here.
struct Spans {
  const int64_t* offsets;
  const int64_t* index;
  int64_t bags, known, all, rows, padding;

  Spans(const Bags& rule, int64_t bag_count, const Tensor& given_index, const Tensor& given_offsets,
        int64_t row_count)
      : offsets(given_offsets.data<int64_t>()),
        index(given_index.data<int64_t>()),
        bags(bag_count),
        known(given_offsets.numel()),
        all(given_index.numel()),
        rows(row_count),
        padding(rule.padding) {}
  NW_BOTH int64_t begin(int64_t bag) const {
    const int64_t first = offsets[bag];
    return first < 0 ? 0 : first > all ? all : first;
  }
  NW_BOTH int64_t end(int64_t bag) const { return bag + 1 < known ? begin(bag + 1) : all; }
  NW_BOTH bool counts(int64_t i) const {
    return index[i] != padding && index[i] >= 0 && index[i] < rows;
  }
  NW_BOTH int64_t size_of(int64_t bag) const {
    int64_t count = 0;
    for (int64_t i = begin(bag); i < end(bag); ++i) count += counts(i) ? 1 : 0;
    return count;
  }
  /// The bag of an entry: the last one that begins no later. Behind the last bag: none of them.
  NW_BOTH int64_t bag_of(int64_t i) const {
    int64_t low = 0;
    int64_t high = known - 1;
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (begin(middle) <= i) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

struct CheckBags {
  Spans spans;
  FaultReport rows, offsets;

  __device__ void operator()(int64_t i) const {
    if (i < spans.all) {
      const int64_t row = spans.index[i];
      if (row < 0 || row >= spans.rows) rows.raise(FaultKind::Row, row, spans.rows);
      return;
    }
    const int64_t bag = i - spans.all;
    const int64_t offset = spans.offsets[bag];
    if (bag == 0 && offset != 0) offsets.raise(FaultKind::FirstOffset, offset, 0);
    if (offset > spans.all || (bag > 0 && offset < spans.offsets[bag - 1])) {
      offsets.raise(FaultKind::Offset, offset, spans.all);
    }
  }
};

void check_bags(const Spans& spans) {
  for_each(spans.all + spans.known,
           CheckBags{spans, fault_report("[Embedding]"), fault_report("[EmbeddingBag]")});
}

template <typename T>
struct JoinBag {
  Spans spans;
  BagMode mode;
  const T* weight;
  const T* scales;  // may be null
  int64_t columns;
  int64_t* chosen;  // Max only
  T* out;

  __device__ void operator()(int64_t i) const {
    const int64_t bag = i / columns;
    const int64_t column = i % columns;
    if (mode == BagMode::Max) return largest(i, bag, column);
    Wide<T> total = 0;
    int64_t count = 0;
    for (int64_t e = spans.begin(bag); e < spans.end(bag); ++e) {
      if (!spans.counts(e)) continue;
      const Wide<T> scale = scales != nullptr ? widen(scales[e]) : Wide<T>(1);
      total += widen(weight[spans.index[e] * columns + column]) * scale;
      ++count;
    }
    if (mode == BagMode::Mean && count > 0) total /= static_cast<Wide<T>>(count);
    out[i] = narrow<T>(total);
  }
  __device__ void largest(int64_t i, int64_t bag, int64_t column) const {
    int64_t where = -1;
    Wide<T> best = 0;
    for (int64_t e = spans.begin(bag); e < spans.end(bag); ++e) {
      if (!spans.counts(e)) continue;
      const Wide<T> value = widen(weight[spans.index[e] * columns + column]);
      if (where >= 0 && !(value > best)) continue;
      best = value;
      where = spans.index[e];
    }
    out[i] = narrow<T>(best);
    chosen[i] = where;
  }
};

/// What the gradient of a row is divided by: how often the index names it, or almost. PyTorch 1.13
/// takes for the u-th of the different rows, in their order, the count of the u-th of all.
struct Frequency {
  const int64_t* sorted;  // the index; null: nothing is divided
  const int64_t* rank;    // how many different ones stand before each, sorted
  int64_t all;

  NW_BOTH int64_t first_of(int64_t row) const {
    int64_t low = 0;
    int64_t high = all;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (sorted[middle] < row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  NW_BOTH double operator()(int64_t row) const {
    if (sorted == nullptr) return 1;
    const int64_t other = sorted[rank[first_of(row)]];
    return static_cast<double>(first_of(other + 1) - first_of(other));
  }
};

struct CountEntries {
  Spans spans;
  int64_t* sizes;
  __device__ void operator()(int64_t bag) const { sizes[bag] = spans.size_of(bag); }
};

struct MarkNew {
  const int64_t* sorted;
  int64_t* out;
  __device__ void operator()(int64_t i) const {
    out[i] = i > 0 && sorted[i] != sorted[i - 1] ? 1 : 0;
  }
};

template <typename T>
struct BagGrad {
  Spans spans;
  BagMode mode;
  Frequency frequency;
  const T* grad;
  const T* scales;
  const int64_t* chosen;
  const int64_t* sizes;  // of the bags, Mean only
  int64_t columns;
  T* grad_weight;

  /// What an entry of the row adds to one of its columns.
  __device__ Wide<T> term(int64_t bag, int64_t row, double scale, int64_t column,
                          int64_t bag_before) const {
    const int64_t at = bag * columns + column;
    if (mode != BagMode::Max) return widen(grad[at]) * static_cast<Wide<T>>(scale);
    return chosen[at] == row && bag != bag_before ? widen(grad[at]) : Wide<T>(0);
  }
  __device__ double scale_of(int64_t entry, int64_t bag, double divisor) const {
    if (scales != nullptr) return static_cast<double>(widen(scales[entry])) / divisor;
    if (mode != BagMode::Mean) return 1 / divisor;
    return 1 / static_cast<double>(sizes[bag]) / divisor;
  }
};

/// A warp for each row of the weight: it looks through the index, 32 entries at a time.
template <typename T>
__global__ void bag_grad_rows(BagGrad<T> job) {
  using F = Wide<T>;
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int64_t warps = thread_count() / kWarpThreads;
  for (int64_t row = thread_number() / kWarpThreads; row < job.spans.rows; row += warps) {
    bool named = false;
    for (int64_t first = 0; first < job.spans.all && !named; first += kWarpThreads) {
      const int64_t i = first + lane;
      named = __ballot_sync(kAllLanes, i < job.spans.all && job.spans.index[i] == row) != 0;
    }
    const bool counts = named && row != job.spans.padding;
    const double divisor = counts ? job.frequency(row) : 1;
    for (int64_t begin = 0; begin < job.columns; begin += kWarpThreads) {
      const int64_t column = begin + lane;
      F total = 0;
      int64_t bag_before = -1;
      for (int64_t first = 0; counts && first < job.spans.all; first += kWarpThreads) {
        const int64_t i = first + lane;
        const bool mine = i < job.spans.all && job.spans.index[i] == row;
        for (unsigned marks = __ballot_sync(kAllLanes, mine); marks != 0; marks &= marks - 1) {
          const int64_t entry = first + __ffs(marks) - 1;
          const int64_t bag = job.spans.bag_of(entry);
          if (bag >= job.spans.bags) continue;
          const double scale = job.scale_of(entry, bag, divisor);
          if (column < job.columns) {
            total += job.term(bag, row, scale, column, bag_before);
          }
          bag_before = bag;
        }
      }
      if (column < job.columns) job.grad_weight[row * job.columns + column] = narrow<T>(total);
    }
  }
}

/// A warp for each entry: the product of its row and its bag's gradient.
template <typename T>
__global__ void bag_scale_grads(Spans spans, const T* grad, const T* weight, int64_t columns,
                                T* grad_scales) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int64_t warps = thread_count() / kWarpThreads;
  for (int64_t i = thread_number() / kWarpThreads; i < spans.all; i += warps) {
    const int64_t bag = spans.bag_of(i);
    double total = 0;
    if (spans.counts(i) && bag < spans.bags) {
      for (int64_t j = lane; j < columns; j += kWarpThreads) {
        total += static_cast<double>(widen(grad[bag * columns + j])) *
                 static_cast<double>(widen(weight[spans.index[i] * columns + j]));
      }
    }
    total = warp_reduce(total, Plus<double>{});
    if (lane == 0) grad_scales[i] = narrow<T>(static_cast<Wide<T>>(total));
  }
}

struct ClearMarks {
  uint8_t* marks;
  __device__ void operator()(int64_t i) const { marks[i] = 0; }
};
struct MarkRows {
  const int64_t* index;
  int64_t rows;
  uint8_t* marks;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const int64_t row = index[i];
    if (row < 0 || row >= rows) return report.raise(FaultKind::Row, row, rows);
    marks[row] = 1;
  }
};

template <typename T>
__global__ void renorm_marked(T* weight, const uint8_t* marks, int64_t rows, int64_t columns,
                              double max_norm, double p) {
  const bool extreme = std::fabs(p) == HUGE_VAL;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    if (marks[row] == 0) continue;
    T* own = weight + row * columns;
    double total = extreme && p < 0 ? -HUGE_VAL : 0;  // the smallest as the largest of the opposite
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      const double size = std::fabs(static_cast<double>(widen(own[j])));
      if (extreme) {
        total = Larger<double>{}(total, p < 0 ? -size : size);
      } else {
        total += p == 0   ? (size != 0 ? 1 : 0)
                 : p == 1 ? size
                 : p == 2 ? size * size
                          : std::pow(size, p);
      }
    }
    if (extreme) {
      total = std::fabs(block_reduce(total, Larger<double>{}));
    } else {
      total = block_reduce(total, Plus<double>{});
      if (p != 0 && p != 1) total = p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
    }
    if (!(total > max_norm)) continue;
    const auto scale = static_cast<Wide<T>>(max_norm / (total + 1e-7));
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      own[j] = narrow<T>(widen(own[j]) * scale);
    }
  }
}

/// The index in order, and how many different ones stand before each.
struct SortedIndex {
  Tensor sorted, rank;

  explicit SortedIndex(const Tensor& index) {
    const int64_t count = index.numel();
    sorted = empty({count}, DType::Int64, index.device());
    rank = empty({count}, DType::Int64, index.device());
    const Tensor marks = empty({1, count, 1}, DType::Int64, index.device());
    sort(index.as_strided({count}, {1}, index.offset()), 0, false, sorted, rank);
    for_each(count, MarkNew{sorted.data<int64_t>(), marks.data<int64_t>()});
    scan(ReduceOp::Sum, marks, rank.as_strided({1, count, 1}, {count, 1, 1}, rank.offset()));
  }
  Frequency frequency() const {
    return {sorted.data<int64_t>(), rank.data<int64_t>(), sorted.numel()};
  }
};

int64_t blocks_of_warps(int64_t warps) {
  return blocks_for(warps * kWarpThreads);
}

}  // namespace

void renorm_rows(const Tensor& index, double max_norm, double p, const Tensor& weight) {
  const int64_t rows = weight.size(0);
  const int64_t columns = weight.size(1);
  const Scratch<uint8_t> marks(rows, weight);
  for_each(rows, ClearMarks{marks.data()});
  for_each(index.numel(),
           MarkRows{index.data<int64_t>(), rows, marks.data(), fault_report("[Embedding]")});
  const int threads = threads_for_row(columns);
  with_real(weight.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(renorm_marked<T>, blocks_for_rows(rows, threads), threads, 0, numbers<T>(weight),
           marks.data(), rows, columns, max_norm, p);
  });
}

void bag_rows(const Bags& bags, const Tensor& index, const Tensor& offsets, const Tensor& weight,
              const Tensor& scales, const Tensor& chosen, const Tensor& out) {
  const Spans spans(bags, out.size(0), index, offsets, weight.size(0));
  check_bags(spans);
  with_real(weight.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(out.numel(), JoinBag<T>{spans, bags.mode, numbers<T>(weight), numbers<T>(scales),
                                     weight.size(1), numbers<int64_t>(chosen), numbers<T>(out)});
  });
}

void bag_rows_grad(const Bags& bags, bool by_frequency, const Tensor& grad, const Tensor& index,
                   const Tensor& offsets, const Tensor& weight, const Tensor& scales,
                   const Tensor& chosen, const Tensor& grad_weight, const Tensor& grad_scales) {
  const Spans spans(bags, grad.size(0), index, offsets, weight.size(0));
  const int64_t columns = weight.size(1);
  check_bags(spans);
  const bool mean = bags.mode == BagMode::Mean;
  const Scratch<int64_t> sizes(mean ? spans.bags : 0, weight);
  if (mean) for_each(spans.bags, CountEntries{spans, sizes.data()});
  const bool divides = by_frequency && spans.all > 0;
  const auto sorted = divides ? std::optional<SortedIndex>(index) : std::nullopt;
  const Frequency frequency = divides ? sorted->frequency() : Frequency{nullptr, nullptr, 0};
  with_real(weight.dtype(), [&](auto type) {
    using T = decltype(type);
    if (grad_weight.defined() && grad_weight.numel() > 0) {
      launch(bag_grad_rows<T>, blocks_of_warps(spans.rows), kThreads, 0,
             BagGrad<T>{spans, bags.mode, frequency, numbers<T>(grad), numbers<T>(scales),
                        numbers<int64_t>(chosen), sizes.data(), columns, numbers<T>(grad_weight)});
    }
    if (grad_scales.defined() && spans.all > 0) {
      launch(bag_scale_grads<T>, blocks_of_warps(spans.all), kThreads, 0, spans, numbers<T>(grad),
             numbers<T>(weight), columns, numbers<T>(grad_scales));
    }
  });
}

}  // namespace nw::cuda
