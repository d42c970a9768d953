#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/loss_parts.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

template <typename T>
constexpr T kNever = -std::numeric_limits<T>::infinity();  // the logarithm of 0

/// log(eᵃ + eᵇ + …)
template <typename T, typename... More>
T log_sum(T first, More... more) {
  const T largest = std::max({first, more...});
  if (largest == kNever<T>) return (first + ... + more);  // or NaN, which no maximum shows
  return largest + std::log((std::exp(first - largest) + ... + std::exp(more - largest)));
}

/// The wanted classes of one sample with a blank before, between and behind them: its states.
class Path {
 public:
  Path(const CtcTargets& all, int64_t sample)
      : classes_(all.classes.data<int64_t>()),
        steps_(all.input_lengths.data<int64_t>()[sample]),
        states_(2 * all.target_lengths.data<int64_t>()[sample] + 1),
        blank_(all.blank) {
    const auto* lengths = all.target_lengths.data<int64_t>();
    classes_ += all.classes.dim() == 2 ? sample * all.classes.size(1)
                                       : std::accumulate(lengths, lengths + sample, int64_t{0});
  }

  int64_t steps() const { return steps_; }
  int64_t states() const { return states_; }
  int64_t class_of(int64_t state) const { return state % 2 == 0 ? blank_ : classes_[state / 2]; }
  /// Whether one may come to `state` from two before: no blank between unlike classes is needed.
  bool skips_to(int64_t state) const {
    return state >= 2 && class_of(state) != class_of(state - 2);
  }

 private:
  const int64_t* classes_;
  int64_t steps_, states_, blank_;
};

/// Numbers of one sample, by step and class or state.
template <typename T>
struct Grid {
  T* data;
  int64_t row;

  T* at(int64_t step) const { return data + step * row; }
};

void check_lengths(const Tensor& log_probs, const CtcTargets& given) {
  const auto* steps = given.input_lengths.data<int64_t>();
  const auto* lengths = given.target_lengths.data<int64_t>();
  const bool padded = given.classes.dim() == 2;
  const int64_t room = padded ? given.classes.size(1) : given.classes.numel();
  int64_t total = 0;
  for (int64_t n = 0; n < log_probs.size(1); ++n) {
    NW_CHECK(steps[n] >= 0 && steps[n] <= log_probs.size(0), "[CTCLoss] input_lengths[", n,
             "] must be between 0 and ", log_probs.size(0), ", is ", steps[n]);
    NW_CHECK(lengths[n] >= 0 && lengths[n] <= room, "[CTCLoss] target_lengths[", n,
             "] must be between 0 and ", room, ", is ", lengths[n]);
    total += lengths[n];
  }
  NW_CHECK(padded || total == room, "[CTCLoss] expects ", total,
           " targets, as the target_lengths say, gets ", room);
}

void check_classes(const Path& path, int64_t classes) {
  for (int64_t s = 1; s < path.states(); s += 2) {
    const int64_t wanted = path.class_of(s);
    NW_CHECK(wanted >= 0 && wanted < classes, "[CTCLoss] target ", wanted, " is outside 0 … ",
             classes - 1);
  }
}

/// What has been gathered in each state after each step; returns −log P(target).
template <typename T>
T forward(const Path& path, Grid<const T> log_probs, Grid<T> alphas) {
  const int64_t states = path.states();
  if (path.steps() == 0) return states == 1 ? T{0} : -kNever<T>;
  std::fill_n(alphas.at(0), states, kNever<T>);
  for (int64_t s = 0; s < std::min<int64_t>(states, 2); ++s) {
    alphas.at(0)[s] = log_probs.at(0)[path.class_of(s)];
  }
  for (int64_t t = 1; t < path.steps(); ++t) {
    const T* before = alphas.at(t - 1);
    for (int64_t s = 0; s < states; ++s) {
      const T stay = before[s];
      const T next = s > 0 ? before[s - 1] : kNever<T>;
      const T skip = path.skips_to(s) ? before[s - 2] : kNever<T>;
      alphas.at(t)[s] = log_sum(stay, next, skip) + log_probs.at(t)[path.class_of(s)];
    }
  }
  const T* last = alphas.at(path.steps() - 1);
  return -log_sum(last[states - 1], states > 1 ? last[states - 2] : kNever<T>);
}

/// The logarithms of what flows through each class at each step, walking back from the end.
template <typename T>
void gather_shares(const Path& path, Grid<const T> log_probs, Grid<const T> alphas, Grid<T> shares,
                   T* after, T* here) {
  if (path.steps() == 0) return;
  const int64_t states = path.states();
  const int64_t last = path.steps() - 1;
  std::fill_n(here, states, kNever<T>);
  // At the end one is in one of the last two states. As in PyTorch the label takes the blank's
  // place where a label is the blank's class.
  for (int64_t s = states - 1; s >= std::max<int64_t>(states - 2, 0); --s) {
    here[s] = log_probs.at(last)[path.class_of(s)];
    shares.at(last)[path.class_of(s)] = alphas.at(last)[s] + here[s];
  }
  std::swap(here, after);
  for (int64_t t = last - 1; t >= 0; --t) {
    for (int64_t s = 0; s < states; ++s) {
      const int64_t wanted = path.class_of(s);
      const T next = s + 1 < states ? after[s + 1] : kNever<T>;
      const T skip = s + 2 < states && path.skips_to(s + 2) ? after[s + 2] : kNever<T>;
      here[s] = log_sum(after[s], next, skip) + log_probs.at(t)[wanted];
      T& share = shares.at(t)[wanted];
      share = log_sum(share, alphas.at(t)[s] + here[s]);
    }
    std::swap(here, after);
  }
}

template <typename T>
void backward(const Path& path, T grad, T loss, Grid<const T> log_probs, Grid<const T> alphas,
              int64_t classes, Grid<T> grads) {
  for (int64_t t = 0; t < path.steps(); ++t) std::fill_n(grads.at(t), classes, kNever<T>);
  const Scratch<T> betas(2 * path.states());
  gather_shares(path, log_probs, alphas, grads, betas.data(), betas.data() + path.states());
  for (int64_t t = 0; t < path.steps(); ++t) {
    const T* p = log_probs.at(t);
    T* out = grads.at(t);
    for (int64_t c = 0; c < classes; ++c) {
      out[c] = (std::exp(p[c]) - std::exp(out[c] + loss - p[c])) * grad;
    }
  }
}

}  // namespace

void ctc(const Tensor& log_probs, const CtcTargets& targets, const Tensor& losses,
         const Tensor& alphas) {
  check_lengths(log_probs, targets);
  with_floating(log_probs, "CTCLoss", [&](auto type) {
    using T = decltype(type);
    const int64_t samples = log_probs.size(1);
    const int64_t classes = log_probs.size(2);
    parallel_for(samples, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const Path path(targets, n);
        check_classes(path, classes);
        losses.data<T>()[n] =
            forward<T>(path, {log_probs.data<T>() + n * classes, samples * classes},
                       {alphas.data<T>() + n * alphas.size(1) * alphas.size(2), alphas.size(2)});
      }
    });
  });
}

void ctc_grad(const Tensor& grad, const Tensor& log_probs, const CtcTargets& targets,
              const Tensor& losses, const Tensor& alphas, bool zero_infinity,
              const Tensor& grad_log_probs) {
  with_floating(log_probs, "CTCLoss", [&](auto type) {
    using T = decltype(type);
    const int64_t samples = log_probs.size(1);
    const int64_t classes = log_probs.size(2);
    T* out = grad_log_probs.data<T>();
    std::fill_n(out, grad_log_probs.numel(), T{0});
    parallel_for(samples, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const T loss = losses.data<T>()[n];
        if (zero_infinity && std::isinf(loss)) continue;
        backward<T>(Path(targets, n), grad.data<T>()[n], loss,
                    {log_probs.data<T>() + n * classes, samples * classes},
                    {alphas.data<T>() + n * alphas.size(1) * alphas.size(2), alphas.size(2)},
                    classes, {out + n * classes, samples * classes});
      }
    });
  });
}

}  // namespace nw::cpu
