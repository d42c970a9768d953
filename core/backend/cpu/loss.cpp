#include <algorithm>
#include <limits>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Throws Error for a target that is neither a class nor ignored; returns how many are kept.
int64_t check_targets(const int64_t* target, int64_t count, int64_t samples_size, int64_t classes,
                      int64_t ignore_index, std::string_view op) {
  int64_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (target[i] == ignore_index) continue;
    NW_CHECK(target[i] >= 0 && target[i] < classes, "[", op, "] target ", target[i], " at sample ",
             i / samples_size, " is outside 0 … ", classes - 1);
    ++kept;
  }
  return kept;
}

}  // namespace

void nll(const Tensor& log_probs, const Tensor& target, const Tensor& weight, int64_t ignore_index,
         const Tensor& out, const Tensor& weights_out) {
  const int64_t classes = log_probs.size(1);
  const int64_t inner = log_probs.size(2);
  const auto* wanted = target.data<int64_t>();
  check_targets(wanted, target.numel(), std::max<int64_t>(inner, 1), classes, ignore_index,
                "NLLLoss");
  with_floating(log_probs, "nll", [&](auto type) {
    using T = decltype(type);
    const T* from = log_probs.data<T>();
    const T* class_weights = data_or_null<T>(weight);
    T* losses = out.data<T>();
    T* weights = weights_out.data<T>();
    for (int64_t i = 0; i < target.numel(); ++i) {
      const int64_t t = wanted[i];
      const bool ignored = t == ignore_index;
      weights[i] = ignored ? T{0} : class_weights != nullptr ? class_weights[t] : T{1};
      losses[i] =
          ignored ? T{0} : -weights[i] * from[(i / inner * classes + t) * inner + i % inner];
    }
  });
}

void nll_grad(const Tensor& grad, const Tensor& target, const Tensor& weight, int64_t ignore_index,
              const Tensor& grad_log_probs) {
  const int64_t classes = grad_log_probs.size(1);
  const int64_t inner = grad_log_probs.size(2);
  const auto* wanted = target.data<int64_t>();
  with_floating(grad, "nll", [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    const T* class_weights = data_or_null<T>(weight);
    T* to = grad_log_probs.data<T>();
    std::fill(to, to + grad_log_probs.numel(), T{0});
    for (int64_t i = 0; i < target.numel(); ++i) {
      const int64_t t = wanted[i];
      if (t == ignore_index) continue;
      const T factor = class_weights != nullptr ? class_weights[t] : T{1};
      to[(i / inner * classes + t) * inner + i % inner] = -factor * from[i];
    }
  });
}

void cross_entropy(const Tensor& logits, const Tensor& target, int64_t ignore_index,
                   const Tensor& loss, const Tensor& grad_logits) {
  const int64_t rows = logits.size(0);
  const int64_t classes = logits.size(1);
  const auto* wanted = target.data<int64_t>();
  const int64_t kept = check_targets(wanted, rows, 1, classes, ignore_index, "CrossEntropyLoss");
  with_floating(logits, "cross_entropy", [&](auto type) {
    using T = decltype(type);
    const T* from = logits.data<T>();
    T* to = grad_logits.data<T>();
    const double scale = kept > 0 ? 1.0 / static_cast<double>(kept) : 0.0;
    // Blocks of a fixed size, so that the sum does not depend on the thread count.
    const int64_t block = std::max<int64_t>(kHeavyGrain / std::max<int64_t>(classes, 1), 1);
    const int64_t blocks = (rows + block - 1) / block;
    const Scratch<double> losses(blocks);
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i * block;
        losses[i] =
            fast<T>().cross_entropy(from + first * classes, wanted + first, ignore_index, scale,
                                    to + first * classes, std::min(block, rows - first), classes);
      }
    });
    double total = 0;
    for (int64_t i = 0; i < blocks; ++i) total += losses[i];
    *loss.data<T>() = kept > 0 ? static_cast<T>(total / static_cast<double>(kept))
                               : std::numeric_limits<T>::quiet_NaN();
  });
}

}  // namespace nw::cpu
