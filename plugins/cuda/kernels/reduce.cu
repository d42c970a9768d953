#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/complex.h"
#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/layout.h"

namespace nw::cuda {

__device__ __forceinline__ Complex shuffle_xor(Complex value, int mask) {
  return {__shfl_xor_sync(kAllLanes, value.real, mask),
          __shfl_xor_sync(kAllLanes, value.imag, mask)};
}
template <typename V>
__device__ __forceinline__ V shuffle_up(V value, int delta) {
  return __shfl_up_sync(kAllLanes, value, delta);
}
__device__ __forceinline__ Complex shuffle_up(Complex value, int delta) {
  return {__shfl_up_sync(kAllLanes, value.real, delta),
          __shfl_up_sync(kAllLanes, value.imag, delta)};
}

namespace {

template <typename F>
struct Rule {
  ReduceOp op;

  NW_BOTH static F largest() {
    if constexpr (std::is_same_v<F, int64_t>) {
      return INT64_MAX;
    } else {
      return static_cast<F>(HUGE_VAL);
    }
  }
  NW_BOTH static F least() {
    if constexpr (std::is_same_v<F, int64_t>) {
      return INT64_MIN;
    } else {
      return static_cast<F>(-HUGE_VAL);
    }
  }
  NW_BOTH F first() const {
    switch (op) {
      case ReduceOp::Sum:
        return 0;
      case ReduceOp::Prod:
        return 1;
      case ReduceOp::Max:
        return least();
      default:
        return largest();
    }
  }
  NW_BOTH static F plus(F a, F b) {
    if constexpr (std::is_same_v<F, int64_t>) {
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    } else {
      return a + b;
    }
  }
  NW_BOTH static F times(F a, F b) {
    if constexpr (std::is_same_v<F, int64_t>) {
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  NW_BOTH F operator()(F a, F b) const {
    switch (op) {
      case ReduceOp::Sum:
        return plus(a, b);
      case ReduceOp::Prod:
        return times(a, b);
      case ReduceOp::Max:
        return a != a || a > b ? a : b;
      default:
        return a != a || a < b ? a : b;
    }
  }
};

template <>
struct Rule<Complex> {
  ReduceOp op;  // Sum or Prod

  NW_BOTH Complex first() const { return {op == ReduceOp::Sum ? 0.0 : 1.0, 0}; }
  NW_BOTH Complex operator()(Complex a, Complex b) const {
    return op == ReduceOp::Sum ? a + b : a * b;
  }
};

template <typename F>
NW_BOTH F load_as(const void* memory, DType dtype, int64_t i) {
  if constexpr (std::is_same_v<F, int64_t>) {
    return load_whole(memory, dtype, i);
  } else if constexpr (std::is_same_v<F, Complex>) {
    return load_complex(memory, dtype, i);
  } else {
    return load_real<F>(memory, dtype, i);
  }
}
template <typename F>
NW_BOTH void store_as(void* memory, DType dtype, int64_t i, F value) {
  if constexpr (std::is_same_v<F, int64_t>) {
    store_whole(memory, dtype, i, value);
  } else if constexpr (std::is_same_v<F, Complex>) {
    store_complex(memory, dtype, i, value);
  } else {
    store_real<F>(memory, dtype, i, value);
  }
}

/// The numbers of x that go into each of the results: term t of result r lies at kept(r) +
/// joined(t). The terms are cut into `parts`, each of which makes a number of its own first.
template <typename F>
struct Reduction {
  Layout<1> kept, joined;
  const void* x;
  DType dtype;
  Rule<F> rule;
  int64_t results, terms, parts;
  void* out;
  F* partial;  // (parts, results); null: straight to out

  __device__ F term(int64_t start, int64_t t) const {
    return load_as<F>(x, dtype, start + joined(static_cast<uint32_t>(t))[0]);
  }
  __device__ int64_t begin(int64_t part) const { return terms * part / parts; }
  __device__ void finish(int64_t part, int64_t result, F value) const {
    if (partial != nullptr) {
      partial[part * results + result] = value;
    } else {
      store_as<F>(out, dtype, result, value);
    }
  }
};

/// The threads of a block share the terms of one result.
template <typename F>
__global__ void reduce_rows(Reduction<F> job) {
  for (int64_t i = blockIdx.x; i < job.results * job.parts; i += gridDim.x) {
    const int64_t result = i % job.results;
    const int64_t part = i / job.results;
    const int64_t start = job.kept(static_cast<uint32_t>(result))[0];
    const int64_t end = job.begin(part + 1);
    F total = job.rule.first();
    for (int64_t t = job.begin(part) + threadIdx.x; t < end; t += blockDim.x) {
      total = job.rule(total, job.term(start, t));
    }
    total = block_reduce(total, job.rule);
    if (threadIdx.x == 0) job.finish(part, result, total);
  }
}

/// Each thread makes one result of a part of its terms, neighbours read neighbours; the eight rows
/// of a block are joined in the end.
inline constexpr int kColumns = 32;
inline constexpr int kRows = kThreads / kColumns;

template <typename F>
__global__ void reduce_columns(Reduction<F> job) {
  __shared__ F sums[kThreads];
  const int column = static_cast<int>(threadIdx.x) % kColumns;
  const int row = static_cast<int>(threadIdx.x) / kColumns;
  const int64_t tiles = (job.results + kColumns - 1) / kColumns;
  for (int64_t i = blockIdx.x; i < tiles * job.parts; i += gridDim.x) {
    const int64_t result = i % tiles * kColumns + column;
    const int64_t part = i / tiles;
    F total = job.rule.first();
    if (result < job.results) {
      const int64_t start = job.kept(static_cast<uint32_t>(result))[0];
      const int64_t end = job.begin(part + 1);
      for (int64_t t = job.begin(part) + row; t < end; t += kRows) {
        total = job.rule(total, job.term(start, t));
      }
    }
    sums[threadIdx.x] = total;
    __syncthreads();
    if (row == 0 && result < job.results) {
      for (int r = 1; r < kRows; ++r) total = job.rule(total, sums[r * kColumns + column]);
      job.finish(part, result, total);
    }
    __syncthreads();
  }
}

template <typename F>
struct JoinParts {
  Reduction<F> job;

  __device__ void operator()(int64_t result) const {
    F total = job.rule.first();
    for (int64_t part = 0; part < job.parts; ++part) {
      total = job.rule(total, job.partial[part * job.results + result]);
    }
    store_as<F>(job.out, job.dtype, result, total);
  }
};

/// One number for all of out where there is nothing to join.
template <typename F>
struct FillFirst {
  void* out;
  DType dtype;
  Rule<F> rule;
  __device__ void operator()(int64_t i) const { store_as<F>(out, dtype, i, rule.first()); }
};

/// A thread should get at least this many terms before they are cut into parts.
constexpr int64_t kTermsOfThread = 16;
constexpr int64_t kMostParts = 64;

template <typename F>
void run(Reduction<F> job, bool by_columns, const Tensor& like) {
  const int threads = by_columns ? kThreads : threads_for_row(job.terms);
  const int64_t terms_of_block = kTermsOfThread * (by_columns ? kRows : threads);
  const int64_t items = by_columns ? (job.results + kColumns - 1) / kColumns : job.results;
  const int64_t wanted = most_blocks() * (kThreads / threads) / items;
  job.parts = std::clamp<int64_t>(std::min(wanted, job.terms / terms_of_block), 1, kMostParts);
  const Scratch<F> partial(job.parts > 1 ? job.parts * job.results : 0, like);
  job.partial = job.parts > 1 ? partial.data() : nullptr;
  const auto kernel = by_columns ? reduce_columns<F> : reduce_rows<F>;
  launch(kernel, blocks_for_rows(items * job.parts, threads), threads, 0, job);
  if (job.parts > 1) for_each(job.results, JoinParts<F>{job});
}

struct Sides {
  Dims kept_sizes, kept_strides, joined_sizes, joined_strides;

  Sides(const Tensor& x, const Tensor& out) {
    for (size_t d = 0; d < x.sizes().size(); ++d) {
      if (x.sizes()[d] == 1) continue;
      const bool joined = out.sizes()[d] == 1;
      (joined ? joined_sizes : kept_sizes).push_back(x.sizes()[d]);
      (joined ? joined_strides : kept_strides).push_back(x.strides()[d]);
    }
  }
  /// Neighbouring results lie side by side, and the terms of one do not.
  bool by_columns() const {
    const bool side_by_side = !kept_strides.empty() && kept_strides.back() == 1;
    return side_by_side &&
           std::find(joined_strides.begin(), joined_strides.end(), 1) == joined_strides.end();
  }
};

template <typename F>
void reduce_as(ReduceOp op, const Tensor& x, const Tensor& out) {
  if (out.numel() == 0) return;
  if (x.numel() == 0) {
    return for_each(out.numel(), FillFirst<F>{out.raw(), out.dtype(), Rule<F>{op}});
  }
  const Sides sides(x, out);
  Reduction<F> job{};
  job.x = x.raw();
  job.dtype = x.dtype();
  job.rule = {op};
  job.results = numel(sides.kept_sizes);
  job.terms = numel(sides.joined_sizes);
  job.out = out.raw();
  // Results stand in out in the order of x's dimensions; terms may be taken in the order of memory.
  job.kept = ordered_layout(sides.kept_sizes, sides.kept_strides);
  const Nest<1> joined(sides.joined_sizes, {sides.joined_strides});
  joined.for_pieces([&](const Layout<1>& layout, uint32_t) { job.joined = layout; });
  run(job, sides.by_columns(), out);
}

/// Which of two is the more extreme: NaN, or else the first of the largest or smallest.
template <typename F>
struct MoreExtreme {
  bool largest;

  __device__ Placed<F> operator()(const Placed<F>& a, const Placed<F>& b) const {
    if (b.place < 0) return a;  // there is no b
    if (a.place < 0) return b;
    const bool a_nan = a.value != a.value;
    const bool b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan ? a : b;
    if (a_nan || a.value == b.value) return a.place < b.place ? a : b;
    return (a.value > b.value) == largest ? a : b;
  }
};

template <typename F>
__global__ void extreme_rows(const void* x, DType dtype, int64_t rows, int64_t columns,
                             MoreExtreme<F> more, void* values, int64_t* indices) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    Placed<F> best{0, -1};
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      best = more(best, Placed<F>{load_as<F>(x, dtype, row * columns + j), j});
    }
    best = block_reduce(best, more);
    if (threadIdx.x != 0) continue;
    indices[row] = best.place;
    if (values != nullptr) store_as<F>(values, dtype, row, best.value);
  }
}

/// Calls body(F()) with the type in which the numbers of a dtype without complex ones are joined.
template <typename Body>
void with_joined(DType dtype, const Body& body) {
  if (dtype == DType::Float64) {
    body(double());
  } else if (is_floating(dtype)) {
    body(float());
  } else {
    body(int64_t());
  }
}

/// One thread goes along a line.
template <typename F>
struct ScanLine {
  Rule<F> rule;
  const void* x;
  void* out;
  DType dtype;
  int64_t size, inner;

  __device__ void operator()(int64_t line) const {
    const int64_t start = line / inner * size * inner + line % inner;
    F total = rule.first();
    for (int64_t i = 0; i < size; ++i) {
      const int64_t at = start + i * inner;
      total = rule(total, value_at(at));
      store(at, total);
    }
  }
  __device__ F value_at(int64_t at) const {
    if constexpr (std::is_same_v<F, int64_t>) {
      return load_whole(x, dtype, at);
    } else if constexpr (std::is_same_v<F, Complex>) {
      return load_complex(x, dtype, at);
    } else {
      return load_value(x, dtype, at).real;
    }
  }
  __device__ void store(int64_t at, F value) const {
    if constexpr (std::is_same_v<F, int64_t>) {
      store_whole(out, dtype, at, value);
    } else if constexpr (std::is_same_v<F, Complex>) {
      store_complex(out, dtype, at, value);
    } else {
      store_value(out, dtype, at, real_value(value));
    }
  }
};

/// The threads of a block go along a line together, a stretch at a time: the running results within
/// each warp, then those of the warps, then what came before the stretch.
template <typename F>
__global__ void scan_lines(ScanLine<F> job, int64_t lines) {
  __shared__ F ends[kThreads / kWarpThreads];
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  for (int64_t line = blockIdx.x; line < lines; line += gridDim.x) {
    const int64_t start = line / job.inner * job.size * job.inner + line % job.inner;
    F before = job.rule.first();
    for (int64_t first = 0; first < job.size; first += kThreads) {
      const int64_t i = first + threadIdx.x;
      F value = i < job.size ? job.value_at(start + i * job.inner) : job.rule.first();
      for (int delta = 1; delta < kWarpThreads; delta *= 2) {
        const F left = shuffle_up(value, delta);
        if (lane >= delta) value = job.rule(left, value);
      }
      if (lane == kWarpThreads - 1) ends[warp] = value;
      __syncthreads();
      F carried = before;
      for (int w = 0; w < kThreads / kWarpThreads; ++w) {
        if (w < warp) carried = job.rule(carried, ends[w]);
        before = job.rule(before, ends[w]);
      }
      if (i < job.size) job.store(start + i * job.inner, job.rule(carried, value));
      __syncthreads();
    }
  }
}

template <typename F>
void scan_as(ReduceOp op, const Tensor& x, const Tensor& out) {
  const ScanLine<F> job{Rule<F>{op}, x.raw(), out.raw(), x.dtype(), x.size(1), x.size(2)};
  const int64_t lines = x.size(0) * x.size(2);
  if (lines >= kThreads * most_blocks() || x.size(1) < kWarpThreads) {
    for_each(lines, job);
  } else {
    launch(scan_lines<F>, std::min(lines, most_blocks()), kThreads, 0, job, lines);
  }
}

/// What joins the results of two halves.
BinaryOp joining(ReduceOp op) {
  switch (op) {
    case ReduceOp::Sum:
      return BinaryOp::Add;
    case ReduceOp::Prod:
      return BinaryOp::Mul;
    case ReduceOp::Max:
      return BinaryOp::Maximum;
    default:
      return BinaryOp::Minimum;
  }
}

/// Cuts x in halves until at most `most` numbers are left: one launch counts to 2³¹.
void reduce_up_to(int64_t most, ReduceOp op, const Tensor& x, const Tensor& out) {
  if (x.numel() <= most) {
    if (is_complex(x.dtype())) return reduce_as<Complex>(op, x, out);
    return with_joined(x.dtype(), [&](auto type) { reduce_as<decltype(type)>(op, x, out); });
  }
  const auto longest = std::max_element(x.sizes().begin(), x.sizes().end());
  const auto d = static_cast<size_t>(longest - x.sizes().begin());
  const int64_t half = *longest / 2;
  const int64_t rest = *longest - half;
  const bool joined = out.sizes()[d] == 1;
  const auto part = [d](const Tensor& of, int64_t begin, int64_t count) {
    Dims sizes = of.sizes();
    sizes[d] = count;
    return of.as_strided(sizes, of.strides(), of.offset() + begin * of.strides()[d]);
  };
  const auto reduced = [&](int64_t begin, int64_t count) {
    Dims sizes = out.sizes();
    if (!joined) sizes[d] = count;
    const Tensor to = empty(sizes, out.dtype(), out.device());
    reduce_up_to(most, op, part(x, begin, count), to);
    return to;
  };
  const Tensor first = reduced(0, half);
  const Tensor second = reduced(half, rest);
  if (joined) return binary(joining(op), first, second, out);
  copy(first, part(out, 0, half));
  copy(second, part(out, half, rest));
}

}  // namespace

void sum(const Tensor& x, const Tensor& out) {
  reduce(ReduceOp::Sum, x, out);
}

void reduce(ReduceOp op, const Tensor& x, const Tensor& out) {
  reduce_up_to(INT32_MAX, op, x, out);
}

void extreme(ReduceOp op, const Tensor& x, const Tensor& values, const Tensor& indices) {
  const int threads = threads_for_row(x.size(1));
  if (x.numel() == 0) return;
  with_joined(x.dtype(), [&](auto type) {
    using F = decltype(type);
    launch(extreme_rows<F>, blocks_for_rows(x.size(0), threads), threads, 0, x.raw(), x.dtype(),
           x.size(0), x.size(1), MoreExtreme<F>{op == ReduceOp::Max}, numbers<void>(values),
           indices.data<int64_t>());
  });
}

void scan(ReduceOp op, const Tensor& x, const Tensor& out) {
  if (x.numel() == 0) return;
  if (is_complex(x.dtype())) return scan_as<Complex>(op, x, out);
  if (is_floating(x.dtype())) {
    scan_as<double>(op, x, out);
  } else {
    scan_as<int64_t>(op, x, out);
  }
}

}  // namespace nw::cuda
