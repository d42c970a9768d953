#include <algorithm>
#include <cmath>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/norm.h"
#include "core/backend/cpu/norm_parts.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

template <typename T>
const NormParts<T>& parts() {
  return *fast<T>().norm;
}

/// Rows whose gradients are added up before they join sums of doubles.
constexpr int64_t kNearRows = 32;

/// How x (samples, groups, channels, inner) lies in memory.
struct Groups {
  int64_t samples, groups, channels, inner;

  explicit Groups(const Tensor& x)
      : samples(x.size(0)), groups(x.size(1)), channels(x.size(2)), inner(x.size(3)) {}
  int64_t rows() const { return samples * groups; }
  int64_t row() const { return channels * inner; }
  int64_t weights() const { return groups * channels; }
  /// Which weight the first channel of a row has.
  int64_t first_weight(int64_t row) const { return row % groups * channels; }
  int64_t grain() const { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, row())); }
};

template <typename T>
T* at(T* base, int64_t offset) {
  return base != nullptr ? base + offset : nullptr;
}

/// One group whose channels have several numbers each.
template <typename T>
void norm_group(const Groups& g, const T* x, const T* weight, const T* bias, double eps, T* y,
                T* mean, T* rstd) {
  double middle = 0;
  double variance = 0;
  parts<T>().moments(x, Segments{1, 0, g.row()}, middle, variance);
  const double scale = 1 / std::sqrt(variance + eps);
  *mean = static_cast<T>(middle);
  *rstd = static_cast<T>(scale);
  for (int64_t c = 0; c < g.channels; ++c) {
    const double gain = weight != nullptr ? static_cast<double>(weight[c]) : 1;
    parts<T>().scale(x + c * g.inner, Segments{1, 0, g.inner}, *mean, static_cast<T>(gain * scale),
                     bias != nullptr ? bias[c] : T{0}, y + c * g.inner);
  }
}

template <typename T>
void norm_group_grad(const Groups& g, const T* grad, const T* x, const T* weight, T mean, T rstd,
                     T* grad_x, double* weight_sums, double* bias_sums) {
  const Segments one{1, 0, g.inner};
  const auto scale = static_cast<double>(rstd);
  double sum = 0;
  double product = 0;
  for (int64_t c = 0; c < g.channels; ++c) {
    double own_sum = 0;
    double own_product = 0;
    parts<T>().slopes(grad + c * g.inner, x + c * g.inner, one, static_cast<double>(mean), own_sum,
                      own_product);
    if (weight_sums != nullptr) weight_sums[c] += own_product * scale;
    if (bias_sums != nullptr) bias_sums[c] += own_sum;
    const double gain = weight != nullptr ? static_cast<double>(weight[c]) : 1;
    sum += gain * own_sum;
    product += gain * own_product;
  }
  if (grad_x == nullptr) return;
  const double share = scale / static_cast<double>(g.row());
  for (int64_t c = 0; c < g.channels; ++c) {
    const double gain = weight != nullptr ? static_cast<double>(weight[c]) : 1;
    parts<T>().scale_grad(grad + c * g.inner, x + c * g.inner, one, mean,
                          static_cast<T>(gain * scale),
                          static_cast<T>(-share * product * scale * scale),
                          static_cast<T>(-share * sum), grad_x + c * g.inner);
  }
}

/// The backward of rows begin … end − 1 whose channels have one number each. The gradients of the
/// weights of some rows are added up in T before they join the sums.
template <typename T>
void short_rows_grad(const Groups& g, int64_t begin, int64_t end, const Tensor& grad,
                     const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& weight,
                     const Tensor& grad_x, double* weight_sums, double* bias_sums) {
  const Scratch<T> near(2 * g.weights());
  T* near_weight = weight_sums != nullptr ? near.data() : nullptr;
  T* near_bias = bias_sums != nullptr ? near.data() + g.weights() : nullptr;
  const int64_t block = kNearRows * g.groups;
  for (int64_t first = begin; first < end; first += block) {
    std::fill_n(near.data(), 2 * g.weights(), T{0});
    for (int64_t row = first; row < std::min(first + block, end); ++row) {
      const int64_t start = row * g.row();
      const int64_t w = g.first_weight(row);
      parts<T>().norm_row_grad(grad.data<T>() + start, x.data<T>() + start, g.row(),
                               at(data_or_null<T>(weight), w), mean.data<T>()[row],
                               rstd.data<T>()[row], at(data_or_null<T>(grad_x), start),
                               at(near_weight, w), at(near_bias, w));
    }
    for (int64_t i = 0; i < g.weights(); ++i) {
      if (near_weight != nullptr) weight_sums[i] += static_cast<double>(near_weight[i]);
      if (near_bias != nullptr) bias_sums[i] += static_cast<double>(near_bias[i]);
    }
  }
}

template <typename T>
void group_norm_grad_of(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                        const Tensor& weight, const Tensor& grad_x, const Tensor& grad_weight,
                        const Tensor& grad_bias) {
  const Groups g(x);
  // Each part of the rows adds up the gradients of weight and bias in sums of its own.
  const int64_t count = std::clamp<int64_t>(g.rows() / g.grain(), 1, num_threads());
  const Scratch<double> sums(2 * g.weights() * count);
  std::fill_n(sums.data(), 2 * g.weights() * count, 0.0);
  parallel_for(count, 1, [&](int64_t first_part, int64_t last_part) {
    for (int64_t part = first_part; part < last_part; ++part) {
      double* weight_sums = grad_weight.defined() ? sums.data() + 2 * g.weights() * part : nullptr;
      double* bias_sums =
          grad_bias.defined() ? sums.data() + 2 * g.weights() * part + g.weights() : nullptr;
      const int64_t begin = g.rows() * part / count;
      const int64_t end = g.rows() * (part + 1) / count;
      if (g.inner == 1) {
        short_rows_grad<T>(g, begin, end, grad, x, mean, rstd, weight, grad_x, weight_sums,
                           bias_sums);
        continue;
      }
      for (int64_t row = begin; row < end; ++row) {
        const int64_t start = row * g.row();
        const int64_t w = g.first_weight(row);
        norm_group_grad(g, grad.data<T>() + start, x.data<T>() + start,
                        at(data_or_null<T>(weight), w), mean.data<T>()[row], rstd.data<T>()[row],
                        at(data_or_null<T>(grad_x), start), at(weight_sums, w), at(bias_sums, w));
      }
    }
  });
  const auto collect = [&](const Tensor& out, int64_t offset) {
    if (!out.defined()) return;
    for (int64_t i = 0; i < g.weights(); ++i) {
      double total = 0;
      for (int64_t part = 0; part < count; ++part) {
        total += sums[2 * g.weights() * part + offset + i];
      }
      out.data<T>()[i] = static_cast<T>(total);
    }
  };
  collect(grad_weight, 0);
  collect(grad_bias, g.weights());
}

}  // namespace

void group_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const Tensor& y, const Tensor& mean, const Tensor& rstd) {
  with_floating(x, "group_norm", [&](auto type) {
    using T = decltype(type);
    const Groups g(x);
    parallel_for(g.rows(), g.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t start = row * g.row();
        const T* gain = at(data_or_null<T>(weight), g.first_weight(row));
        const T* offset = at(data_or_null<T>(bias), g.first_weight(row));
        T* middle = mean.data<T>() + row;
        T* scale = rstd.data<T>() + row;
        if (g.inner == 1) {
          parts<T>().norm_row(x.data<T>() + start, g.row(), gain, offset, eps, y.data<T>() + start,
                              middle, scale);
        } else {
          norm_group(g, x.data<T>() + start, gain, offset, eps, y.data<T>() + start, middle, scale);
        }
      }
    });
  });
}

void group_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor& weight, const Tensor& grad_x, const Tensor& grad_weight,
                     const Tensor& grad_bias) {
  with_floating(x, "group_norm", [&](auto type) {
    group_norm_grad_of<decltype(type)>(grad, x, mean, rstd, weight, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace nw::cpu
