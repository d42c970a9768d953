#include "core/backend/optimizer_formulas.h"
#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/tensor_lists.h"

namespace nw::cuda {
namespace {

struct NumberMath {
  template <typename F>
  NW_BOTH static F root(F x) {
    return std::sqrt(x);
  }
  template <typename F>
  NW_BOTH static F larger(F a, F b) {
    return b > a || b != b ? b : a;
  }
};

/// Lists: gradients, parameters, and what the rule keeps.
inline constexpr int kStepLists = 2 + static_cast<int>(kMostKept);

template <typename T, typename Rule>
struct Step {
  using F = Wide<T>;
  StepNumbers<Rule, F> numbers;

  __device__ static constexpr bool writes(int list) { return list > 0; }
  __device__ void operator()(T (&values)[kStepLists]) const {
    F p = widen(values[1]);
    F kept[kMostKept];
    for (int k = 0; k < static_cast<int>(kMostKept); ++k) kept[k] = widen(values[2 + k]);
    F g = widen(values[0]) * numbers.sign;
    if (numbers.decay != 0) g = g + p * numbers.decay;
    numbers.formula.template apply<NumberMath>(g, p, kept);
    for (int k = 0; k < static_cast<int>(kMostKept); ++k) values[2 + k] = narrow<T>(kept[k]);
    values[1] = narrow<T>(p);
  }
};

/// The numbers are those that come with the launch, unless others stand in memory; nothing is done
/// where *skip is not 0.
template <typename T, typename Rule>
__global__ void step_kernel(TensorTable<kStepLists> table, StepNumbers<Rule, Wide<T>> given,
                            const StepNumbers<Rule, Wide<T>>* in_memory, const float* skip) {
  if (skip != nullptr && *skip != 0) return;
  for_stretch<T>(table, Step<T, Rule>{in_memory != nullptr ? *in_memory : given});
}

template <typename T>
struct Scale {
  Wide<T> factor;

  __device__ static constexpr bool writes(int) { return true; }
  __device__ void operator()(T (&values)[1]) const {
    values[0] = narrow<T>(widen(values[0]) * factor);
  }
};

/// A number in the device's memory, float or double.
struct Factor {
  const void* at;
  bool is_double;

  explicit Factor(const Tensor& scalar)
      : at(scalar.raw()), is_double(scalar.dtype() == DType::Float64) {}
  template <typename F>
  __device__ F get() const {
    return is_double ? static_cast<F>(*static_cast<const double*>(at))
                     : static_cast<F>(*static_cast<const float*>(at));
  }
};

template <typename T>
struct ScaleBy {
  Factor factor;
  float* found;  // may be null

  __device__ static constexpr bool writes(int) { return true; }
  __device__ void operator()(T (&values)[1]) const {
    const Wide<T> value = widen(values[0]);
    // Whoever comes first, all write the same.
    if (found != nullptr && value - value != 0) *found = 1;
    values[0] = narrow<T>(value * factor.get<Wide<T>>());
  }
};

__global__ void update_scale_kernel(const float* found, double growth, double backoff,
                                    int64_t interval, float* scale, float* inverse,
                                    int64_t* good_steps) {
  LossScale now{*scale, *inverse, *good_steps};
  now.update(*found != 0, growth, backoff, interval);
  *scale = now.scale;
  *inverse = now.inverse;
  *good_steps = now.good_steps;
}

/// How the numbers of a tensor become its norm.
struct Degree {
  float p;  // as PyTorch rounds it: next to p = 0 that shows
  bool extreme;

  explicit Degree(double exponent)
      : p(static_cast<float>(exponent)), extreme(std::fabs(p) == HUGE_VALF) {}
  template <typename F>
  __device__ F first() const {
    return extreme && p < 0 ? infinity<F>() : F(0);
  }
  template <typename F>
  __device__ F term(F size) const {
    if (extreme || p == 1) return size;
    if (p == 0) return size != 0 ? F(1) : F(0);
    return p == 2 ? size * size : std::pow(size, static_cast<F>(p));
  }
  template <typename F>
  __device__ F operator()(F a, F b) const {
    if (!extreme) return a + b;
    if (p > 0) return Larger<F>{}(a, b);
    return a != a || a < b ? a : b;
  }
  template <typename F>
  __device__ F whole(F total) const {
    if (extreme || p == 0 || p == 1) return total;
    return p == 2 ? std::sqrt(total) : std::pow(total, F(1) / p);
  }
};

/// Joins what it sees; for for_stretch().
template <typename T>
struct Gather {
  Degree degree;
  Wide<T>* total;

  __device__ static constexpr bool writes(int) { return false; }
  __device__ void operator()(const T (&values)[1]) const {
    *total = degree(*total, degree.term(std::fabs(widen(values[0]))));
  }
};

/// A number for each block.
template <typename T>
__global__ void gather_norms(TensorTable<1> table, Degree degree, Wide<T>* parts) {
  Wide<T> total = degree.first<Wide<T>>();
  for_stretch<T>(table, Gather<T>{degree, &total});
  total = block_reduce(total, degree);
  if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

/// A block for each tensor.
template <typename T>
__global__ void join_norms(TensorTable<1> table, Degree degree, const Wide<T>* parts, T* out) {
  const int tensor = static_cast<int>(blockIdx.x);
  const int32_t end = table.begin[tensor + 1];
  double total = degree.first<double>();
  for (int32_t i = table.begin[tensor] + static_cast<int32_t>(threadIdx.x); i < end;
       i += static_cast<int32_t>(blockDim.x)) {
    total = degree(total, static_cast<double>(parts[i]));
  }
  total = block_reduce(total, degree);
  if (threadIdx.x != 0) return;
  const bool empty = table.sizes[tensor] == 0;
  out[tensor] = narrow<T>(empty ? Wide<T>(0) : static_cast<Wide<T>>(degree.whole(total)));
}

void check_dtypes(std::initializer_list<std::span<const Tensor>> lists, DType dtype) {
  for (const std::span<const Tensor> list : lists) {
    for (const Tensor& tensor : list) {
      NW_CHECK(tensor.dtype() == dtype, "[step] expects tensors of ", name(dtype), ", gets ",
               describe(tensor));
    }
  }
}

/// in_memory may be undefined, skip null; the lists are gradients, parameters and what the rule
/// keeps.
void launch_steps(const StepRule& rule, const Tensor& in_memory, const float* skip,
                  const std::span<const Tensor> (&lists)[kStepLists]) {
  if (lists[1].empty()) return;
  const DType dtype = lists[1][0].dtype();
  for (const std::span<const Tensor>& list : lists) check_dtypes({list}, dtype);
  std::visit(
      [&](const auto& own) {
        using Rule = std::decay_t<decltype(own)>;
        with_real(dtype, [&](auto type) {
          using T = decltype(type);
          using Numbers = StepNumbers<Rule, Wide<T>>;
          const Numbers given(own);
          const auto* read =
              in_memory.defined() ? static_cast<const Numbers*>(in_memory.raw()) : nullptr;
          for_tables(lists, [&](const TensorTable<kStepLists>& table, size_t) {
            if (table.blocks() == 0) return;
            launch(step_kernel<T, Rule>, table.blocks(), kThreads, 0, table, given, read, skip);
          });
        });
      },
      rule);
}

void step(const StepRule& rule, std::span<const Tensor> grads, std::span<const Tensor> params,
          std::span<const Tensor> first, std::span<const Tensor> second,
          std::span<const Tensor> third) {
  launch_steps(rule, Tensor(), nullptr, {grads, params, first, second, third});
}

void step_by(const StepRule& kind, const Tensor& numbers, const Tensor& skip,
             std::span<const Tensor> grads, std::span<const Tensor> params,
             std::span<const Tensor> first, std::span<const Tensor> second,
             std::span<const Tensor> third) {
  launch_steps(kind, numbers, skip.defined() ? skip.data<float>() : nullptr,
               {grads, params, first, second, third});
}

void norms(double p, std::span<const Tensor> tensors, const Tensor& out) {
  check_dtypes({tensors}, out.dtype());
  const Degree degree(p);
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    for_tables({tensors}, [&](const TensorTable<1>& table, size_t first) {
      const Scratch<Wide<T>> parts(table.blocks(), out);
      if (table.blocks() > 0) {
        launch(gather_norms<T>, table.blocks(), kThreads, 0, table, degree, parts.data());
      }
      launch(join_norms<T>, table.count, kThreads, 0, table, degree, parts.data(),
             numbers<T>(out) + first);
    });
  });
}

void scale(double factor, std::span<const Tensor> tensors) {
  if (tensors.empty()) return;
  check_dtypes({tensors}, tensors[0].dtype());
  with_real(tensors[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_tensors<T>({tensors}, Scale<T>{static_cast<Wide<T>>(factor)});
  });
}

void scale_by(std::span<const Tensor> tensors, const Tensor& factor, const Tensor& found) {
  if (tensors.empty()) return;
  check_dtypes({tensors}, tensors[0].dtype());
  float* const flag = found.defined() ? found.data<float>() : nullptr;
  with_real(tensors[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_tensors<T>({tensors}, ScaleBy<T>{Factor(factor), flag});
  });
}

void update_scale(const Tensor& found, double growth, double backoff, int64_t interval,
                  const Tensor& scale, const Tensor& inverse, const Tensor& good_steps) {
  launch(update_scale_kernel, 1, 1, 0, found.data<float>(), growth, backoff, interval,
         scale.data<float>(), inverse.data<float>(), good_steps.data<int64_t>());
}

}  // namespace

const OptimizerKernels kOptimizerKernels{
    .step = step,
    .step_by = step_by,
    .norms = norms,
    .scale = scale,
    .scale_by = scale_by,
    .update_scale = update_scale,
};

}  // namespace nw::cuda
