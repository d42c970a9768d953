#include <algorithm>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/loss_parts.h"
#include "core/backend/cpu/scratch.h"

namespace nw::cpu {
namespace {

void check_classes(const int64_t* target, int64_t count, int64_t least, int64_t classes,
                   std::string_view op) {
  for (int64_t i = 0; i < count; ++i) {
    NW_CHECK(target[i] >= least && target[i] < classes, "[", op, "] target ", target[i],
             " is outside ", least == 0 ? "0" : "−1", " … ", classes - 1);
  }
}

void check_weights(const int64_t* target, int64_t count, int64_t weights) {
  for (int64_t i = 0; i < count; ++i) {
    NW_CHECK(target[i] < weights, "[MultiMarginLoss] expects a weight for each class, gets ",
             weights, ", none for target ", target[i]);
  }
}

/// How many wanted classes stand before the first −1; marks them.
template <typename Flag>
int64_t mark(const int64_t* wanted, int64_t classes, Flag* is_wanted) {
  std::fill_n(is_wanted, classes, Flag{0});
  int64_t count = 0;
  while (count < classes && wanted[count] >= 0) is_wanted[wanted[count++]] = 1;
  return count;
}

}  // namespace

void multi_margin(const Tensor& x, const Tensor& target, const Tensor& weight, int power,
                  double margin, const Tensor& out) {
  const int64_t classes = x.size(1);
  const auto* wanted = target.data<int64_t>();
  check_classes(wanted, target.numel(), 0, classes, "MultiMarginLoss");
  if (weight.defined()) check_weights(wanted, target.numel(), weight.numel());
  with_floating(x, "MultiMarginLoss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const T* factors = data_or_null<T>(weight);
    for (int64_t i = 0; i < x.size(0); ++i, from += classes) {
      double sum = 0;
      for (int64_t j = 0; j < classes; ++j) {
        if (j == wanted[i]) continue;
        const T lack = static_cast<T>(margin) - from[wanted[i]] + from[j];
        if (!(lack > 0)) continue;  // nor of NaN
        const T term = power == 1 ? lack : lack * lack;
        sum += static_cast<double>(factors != nullptr ? factors[wanted[i]] * term : term);
      }
      out.data<T>()[i] = static_cast<T>(sum / static_cast<double>(classes));
    }
  });
}

void multi_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                       const Tensor& weight, int power, double margin, const Tensor& grad_x) {
  const int64_t classes = x.size(1);
  const auto* wanted = target.data<int64_t>();
  with_floating(x, "MultiMarginLoss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const T* factors = data_or_null<T>(weight);
    T* to = grad_x.data<T>();
    for (int64_t i = 0; i < x.size(0); ++i, from += classes, to += classes) {
      T share = grad.data<T>()[i] / static_cast<T>(classes);
      if (factors != nullptr) share *= factors[wanted[i]];
      T total = 0;
      for (int64_t j = 0; j < classes; ++j) {
        const T lack = static_cast<T>(margin) - from[wanted[i]] + from[j];
        to[j] = 0;
        if (j == wanted[i] || !(lack > 0)) continue;
        to[j] = power == 1 ? share : 2 * share * lack;
        total += to[j];
      }
      to[wanted[i]] = -total;
    }
  });
}

void multi_label_margin(const Tensor& x, const Tensor& target, const Tensor& out) {
  const int64_t classes = x.size(1);
  const auto* wanted = target.data<int64_t>();
  check_classes(wanted, target.numel(), -1, classes, "MultiLabelMarginLoss");
  const Scratch<uint8_t> is_wanted(classes);
  with_floating(x, "MultiLabelMarginLoss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    for (int64_t i = 0; i < x.size(0); ++i, from += classes, wanted += classes) {
      const int64_t count = mark(wanted, classes, is_wanted.data());
      double sum = 0;
      for (int64_t w = 0; w < count; ++w) {
        for (int64_t j = 0; j < classes; ++j) {
          const T lack = 1 - from[wanted[w]] + from[j];
          if (is_wanted[j] == 0 && lack > 0) sum += static_cast<double>(lack);
        }
      }
      out.data<T>()[i] = static_cast<T>(sum / static_cast<double>(classes));
    }
  });
}

void multi_label_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                             const Tensor& grad_x) {
  const int64_t classes = x.size(1);
  const auto* wanted = target.data<int64_t>();
  const Scratch<uint8_t> is_wanted(classes);
  with_floating(x, "MultiLabelMarginLoss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = grad_x.data<T>();
    for (int64_t i = 0; i < x.size(0); ++i, from += classes, to += classes, wanted += classes) {
      const int64_t count = mark(wanted, classes, is_wanted.data());
      const T share = grad.data<T>()[i] / static_cast<T>(classes);
      std::fill_n(to, classes, T{0});
      for (int64_t w = 0; w < count; ++w) {
        for (int64_t j = 0; j < classes; ++j) {
          if (is_wanted[j] != 0 || !(1 - from[wanted[w]] + from[j] > 0)) continue;
          to[j] += share;
          to[wanted[w]] -= share;
        }
      }
    }
  });
}

}  // namespace nw::cpu
