#include <algorithm>
#include <cmath>

#include "core/backend/cpu/activation_parts.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"
#include "core/base/random.h"

namespace nw::cpu {
namespace {

void forward(const Activation& f, const Tensor& x, const Tensor& y) {
  with_floating(x, "activation", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    parallel_for(x.numel(), kHeavyGrain, [&](int64_t begin, int64_t end) {
      fast<T>().activation->forward(f, from + begin, to + begin, end - begin);
    });
  });
}

void backward(const Activation& f, const Tensor& grad, const Tensor& x, const Tensor& grad_x) {
  with_floating(x, "activation", [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    const T* at = x.data<T>();
    T* to = grad_x.data<T>();
    constexpr int64_t kBlock = kBlockBytes / static_cast<int64_t>(sizeof(T));
    const int64_t rest = x.numel() - x.numel() % kBlock;  // where it begins
    const auto run = [&](int64_t begin, int64_t end, Share share) {
      if (begin >= end) return;
      fast<T>().activation->backward(f, from + begin, at + begin, to + begin, end - begin, share);
    };
    parallel_for(x.numel(), kHeavyGrain, [&](int64_t begin, int64_t end) {
      run(begin, std::min(end, rest), Share::Blocks);
      run(std::max(begin, rest), end, Share::Rest);
    });
  });
}

/// Calls body(begin, end, channel) for the rows of x (outer, channels, inner), whose numbers share
/// a weight.
template <typename Body>
void for_each_row(const Tensor& x, const Body& body) {
  const int64_t channels = x.size(1);
  const int64_t inner = x.size(2);
  if (x.numel() == 0) return;
  const int64_t grain = std::max<int64_t>(kGrain / inner, 1);
  parallel_for(x.size(0) * channels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      body(row * inner, (row + 1) * inner, row % channels);
  });
}

void prelu(const Tensor& x, const Tensor& weight, const Tensor& y) {
  with_floating(x, "PReLU", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    for_each_row(x, [&](int64_t begin, int64_t end, int64_t channel) {
      const T slope = weight.data<T>()[channel];
      for (int64_t i = begin; i < end; ++i) to[i] = from[i] > 0 ? from[i] : slope * from[i];
    });
  });
}

void prelu_grad(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& grad_x,
                const Tensor& grad_weight) {
  with_floating(x, "PReLU", [&](auto type) {
    using T = decltype(type);
    const T* above = grad.data<T>();
    const T* at = x.data<T>();
    T* to_x = grad_x.data<T>();
    T* to_weight = grad_weight.data<T>();
    for_each_row(x, [&](int64_t begin, int64_t end, int64_t channel) {
      const T slope = weight.data<T>()[channel];
      for (int64_t i = begin; i < end; ++i) {
        to_x[i] = at[i] > 0 ? above[i] : slope * above[i];
        to_weight[i] = at[i] > 0 ? T{0} : at[i] * above[i];
      }
    });
  });
}

void rrelu_factors(Generator& generator, double from, double to, const Tensor& x,
                   const Tensor& factors) {
  with_floating(x, "RReLU", [&](auto type) {
    using T = decltype(type);
    const T* at = x.data<T>();
    T* out = factors.data<T>();
    for (int64_t i = 0; i < x.numel(); ++i) {
      if (!(at[i] <= 0)) {
        out[i] = 1;
        continue;
      }
      NW_CHECK(from <= to && std::isfinite(to - from),
               "[RReLU] lower must be at most upper, and both finite, are ", from, " and ", to);
      out[i] = static_cast<T>(std::fma(generator.uniform_double(), to - from, from));
    }
  });
}

void dropout_grad(const Tensor& grad, const Tensor& kept, double scale, const Tensor& grad_x) {
  with_floating(grad, "dropout", [&](auto type) {
    using T = decltype(type);
    const T factor = static_cast<T>(scale);
    const T* from = grad.data<T>();
    const auto* keep = reinterpret_cast<const uint8_t*>(kept.data<bool>());  // 0 or 1
    T* to = grad_x.data<T>();
    parallel_for(grad.numel(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = from[i] * (static_cast<T>(keep[i]) * factor);
    });
  });
}

void dropout(Generator& generator, double p, double scale, const Tensor& x, const Tensor& kept,
             const Tensor& y) {
  // Drawn first: chance is no branch that a processor could foresee.
  bernoulli(generator, p, kept);
  dropout_grad(x, kept, scale, y);
}

}  // namespace

constexpr ActivationKernels kActivationKernels{
    .forward = widened<forward, 1>,
    .backward = widened<backward, 1>,
    .prelu = widened<prelu, 1>,
    .prelu_grad = widened<prelu_grad, 2>,
    .rrelu_factors = widened<rrelu_factors, 1>,
    .dropout = widened<dropout, 2>,
    .dropout_grad = widened<dropout_grad, 1>,
};

}  // namespace nw::cpu
