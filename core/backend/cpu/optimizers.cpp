#include "core/backend/cpu/optimizers.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Number i of a list; undefined of an empty one.
const Tensor& at(std::span<const Tensor> list, size_t i) {
  static const Tensor none;
  return list.empty() ? none : list[i];
}

template <typename Rule>
void step_one(const Rule& rule, const Tensor& grad, const Tensor& param, const Tensor& first,
              const Tensor& second, const Tensor& third) {
  with_floating(param, "step", [&](auto type) {
    using T = decltype(type);
    const StepFormula<Rule, T> formula(rule);
    const Tensor* const states[kMostKept] = {&first, &second, &third};
    T* kept[kMostKept];
    for (size_t k = 0; k < kMostKept; ++k) {
      kept[k] = formula.keeps(static_cast<int>(k)) ? states[k]->template data<T>() : nullptr;
    }
    const auto run = fast<T>().steps.StepEntry<T, Rule>::run;
    parallel_for(param.numel(), kGrain, [&](int64_t begin, int64_t end) {
      StepRows<T> rows{
          grad.data<T>() + begin,       param.data<T>() + begin,          {}, end - begin,
          rule.maximize ? T{-1} : T{1}, static_cast<T>(rule.weight_decay)};
      for (size_t k = 0; k < kMostKept; ++k) {
        rows.kept[k] = kept[k] != nullptr ? kept[k] + begin : nullptr;
      }
      run(formula, rows);
    });
  });
}

void step(const StepRule& rule, std::span<const Tensor> grads, std::span<const Tensor> params,
          std::span<const Tensor> first, std::span<const Tensor> second,
          std::span<const Tensor> third) {
  std::visit(
      [&](const auto& own) {
        using Rule = std::decay_t<decltype(own)>;
        for (size_t i = 0; i < params.size(); ++i) {
          widened<step_one<Rule>, 4, Outputs::Updated>(own, grads[i], params[i], at(first, i),
                                                       at(second, i), at(third, i));
        }
      },
      rule);
}

/// Numbers that one thread joins at a time.
constexpr int64_t kStretch = 65536;

/// Joins term(|x|) of all numbers; in stretches and lanes of a fixed size, so that the order does
/// not depend on the threads.
template <typename T, typename Term, typename Join>
double gathered(const T* x, int64_t count, double first, const Term& term, const Join& join) {
  const int64_t stretches = (count + kStretch - 1) / kStretch;
  std::vector<double> parts(static_cast<size_t>(stretches), first);
  parallel_for(stretches, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      constexpr int64_t kLanes = 8;
      double lanes[kLanes];
      std::fill(lanes, lanes + kLanes, first);
      const int64_t last = std::min(count, (s + 1) * kStretch);
      int64_t i = s * kStretch;
      for (; i + kLanes <= last; i += kLanes) {
        for (int64_t j = 0; j < kLanes; ++j) {
          lanes[j] = join(lanes[j], term(static_cast<double>(std::abs(x[i + j]))));
        }
      }
      for (; i < last; ++i) {
        lanes[0] = join(lanes[0], term(static_cast<double>(std::abs(x[i]))));
      }
      for (const double lane : lanes) {
        double& part = parts[static_cast<size_t>(s)];
        part = join(part, lane);
      }
    }
  });
  double total = first;
  for (const double part : parts) total = join(total, part);
  return total;
}

template <typename T>
double norm_of(const T* x, int64_t count, double exponent) {
  // PyTorch rounds it: next to p = 0 that shows.
  const double p = static_cast<float>(exponent);
  const auto plus = [](double a, double b) { return a + b; };
  const auto same = [](double size) { return size; };
  if (count == 0) return 0;
  if (std::isinf(p) && p > 0) {
    const auto larger = [](double a, double b) { return b > a || b != b ? b : a; };
    return gathered(x, count, 0, same, larger);
  }
  if (std::isinf(p)) {
    const auto smaller = [](double a, double b) { return b < a || b != b ? b : a; };
    return gathered(x, count, HUGE_VAL, same, smaller);
  }
  if (p == 0)
    return gathered(
        x, count, 0, [](double size) { return size != 0 ? 1.0 : 0.0; }, plus);
  if (p == 1) return gathered(x, count, 0, same, plus);
  if (p == 2) {
    return std::sqrt(gathered(
        x, count, 0, [](double size) { return size * size; }, plus));
  }
  return std::pow(gathered(
                      x, count, 0, [p](double size) { return std::pow(size, p); }, plus),
                  1 / p);
}

void norm_one(const Tensor& x, double p, const Tensor& out) {
  with_floating(x, "norm", [&](auto type) {
    using T = decltype(type);
    *out.data<T>() = static_cast<T>(norm_of(x.data<T>(), x.numel(), p));
  });
}

void norms(double p, std::span<const Tensor> tensors, const Tensor& out) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto place = static_cast<int64_t>(i);
    widened<norm_one, 1>(tensors[i], p, out.as_strided({}, {}, out.offset() + place));
  }
}

void scale_one(double factor, const Tensor& x) {
  with_floating(x, "scale", [&](auto type) {
    using T = decltype(type);
    T* numbers = x.data<T>();
    parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      fast<T>().affine(numbers + begin, 1, factor, 0, numbers + begin, end - begin);
    });
  });
}

void scale(double factor, std::span<const Tensor> tensors) {
  for (const Tensor& x : tensors) widened<scale_one, 1, Outputs::Updated>(factor, x);
}

/// Whether all were finite.
template <typename T>
bool unscale_rows(T* x, T factor, int64_t count) {
  // What is finite is 0 when taken from itself; all others become NaN, which stays.
  T apart = 0;
  for (int64_t i = 0; i < count; ++i) {
    apart += x[i] - x[i];
    x[i] *= factor;
  }
  return apart == 0;
}

void unscale(std::span<const Tensor> tensors, const Tensor& factor, const Tensor& found) {
  std::atomic<bool> finite = true;
  const auto one = [&](const Tensor& x) {
    with_floating(x, "unscale", [&](auto type) {
      using T = decltype(type);
      T* numbers = x.data<T>();
      const T times = static_cast<T>(*factor.data<float>());
      parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
        if (!unscale_rows(numbers + begin, times, end - begin)) finite = false;
      });
    });
  };
  for (const Tensor& x : tensors) {
    if (!is_half(x.dtype())) {
      one(x);
      continue;
    }
    const Tensor wide =
        empty(x.sizes(), DType::Float32, kCpu).as_strided(x.sizes(), x.strides(), 0);
    copy(x, wide);
    one(wide);
    copy(wide, x);
  }
  if (!finite) *found.data<float>() = 1;
}

}  // namespace

const OptimizerKernels kOptimizerKernels{
    .step = step,
    .norms = norms,
    .scale = scale,
    .unscale = unscale,
};

}  // namespace nw::cpu
