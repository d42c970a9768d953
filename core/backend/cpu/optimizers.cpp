#include "core/backend/cpu/optimizers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
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

template <typename Rule, typename T>
void step_by_numbers(const StepNumbers<Rule, T>& numbers, const Tensor& grad, const Tensor& param,
                     std::array<const Tensor*, kMostKept> states) {
  T* kept[kMostKept];
  for (size_t k = 0; k < kMostKept; ++k) {
    const bool needed = numbers.formula.keeps(static_cast<int>(k));
    kept[k] = needed ? states[k]->template data<T>() : nullptr;
  }
  const auto run = fast<T>().steps.StepEntry<T, Rule>::run;
  parallel_for(param.numel(), kGrain, [&](int64_t begin, int64_t end) {
    StepRows<T> rows{grad.data<T>() + begin, param.data<T>() + begin, {}, end - begin, numbers.sign,
                     numbers.decay};
    for (size_t k = 0; k < kMostKept; ++k) {
      rows.kept[k] = kept[k] != nullptr ? kept[k] + begin : nullptr;
    }
    run(numbers.formula, rows);
  });
}

template <typename Rule>
void step_one(const Rule& rule, const Tensor& grad, const Tensor& param, const Tensor& first,
              const Tensor& second, const Tensor& third) {
  with_floating(param, "step", [&](auto type) {
    step_by_numbers(StepNumbers<Rule, decltype(type)>(rule), grad, param,
                    {&first, &second, &third});
  });
}

template <typename Rule>
void step_one_by(const void* numbers, const Tensor& grad, const Tensor& param, const Tensor& first,
                 const Tensor& second, const Tensor& third) {
  with_floating(param, "step", [&](auto type) {
    using Numbers = StepNumbers<Rule, decltype(type)>;
    std::array<std::byte, sizeof(Numbers)> bytes;
    std::memcpy(bytes.data(), numbers, bytes.size());
    step_by_numbers(std::bit_cast<Numbers>(bytes), grad, param, {&first, &second, &third});
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

void step_by(const StepRule& kind, const Tensor& numbers, const Tensor& skip,
             std::span<const Tensor> grads, std::span<const Tensor> params,
             std::span<const Tensor> first, std::span<const Tensor> second,
             std::span<const Tensor> third) {
  if (skip.defined() && *skip.data<float>() != 0) return;
  std::visit(
      [&](const auto& own) {
        using Rule = std::decay_t<decltype(own)>;
        for (size_t i = 0; i < params.size(); ++i) {
          widened<step_one_by<Rule>, 4, Outputs::Updated>(
              numbers.raw(), grads[i], params[i], at(first, i), at(second, i), at(third, i));
        }
      },
      kind);
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
bool scale_rows(T* x, T factor, int64_t count) {
  // What is finite is 0 when taken from itself; all others become NaN, which stays.
  T apart = 0;
  for (int64_t i = 0; i < count; ++i) {
    apart += x[i] - x[i];
    x[i] *= factor;
  }
  return apart == 0;
}

void scale_by(std::span<const Tensor> tensors, const Tensor& factor, const Tensor& found) {
  std::atomic<bool> finite = true;
  const double times = factor.scalar().to_double();
  const auto one = [&](const Tensor& x) {
    with_floating(x, "scale_by", [&](auto type) {
      using T = decltype(type);
      T* numbers = x.data<T>();
      parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
        if (!scale_rows(numbers + begin, static_cast<T>(times), end - begin)) finite = false;
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
  if (!finite && found.defined()) *found.data<float>() = 1;
}

void update_scale(const Tensor& found, double growth, double backoff, int64_t interval,
                  const Tensor& scale, const Tensor& inverse, const Tensor& good_steps) {
  LossScale now{*scale.data<float>(), *inverse.data<float>(), *good_steps.data<int64_t>()};
  now.update(*found.data<float>() != 0, growth, backoff, interval);
  *scale.data<float>() = now.scale;
  *inverse.data<float>() = now.inverse;
  *good_steps.data<int64_t>() = now.good_steps;
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

}  // namespace nw::cpu
