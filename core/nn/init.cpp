#include "core/nn/init.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"

namespace nw::nn {
namespace {

thread_local DType current_dtype = DType::Float32;

bool has_no_numbers(const Tensor& tensor) {
  return tensor.numel() == 0 || tensor.device() == kMeta;
}

/// What feeds one output of a weight (out, in, …), and what one input feeds.
struct Fans {
  double in, out;
};
Fans fans_of(const Tensor& weight, std::string_view op) {
  NW_CHECK(weight.dim() >= 2, "[", op, "] expects at least 2 dimensions (out, in), gets ",
           to_string(weight.sizes()));
  int64_t field = 1;
  for (int64_t i = 2; i < weight.dim(); ++i) field *= weight.size(i);
  return {static_cast<double>(weight.size(1) * field), static_cast<double>(weight.size(0) * field)};
}

/// Row-major numbers in the making, copied to the tensor at the end.
class Draft {
 public:
  explicit Draft(const Tensor& target)
      : target_(target), numbers_(zeros(target.sizes(), DType::Float64, kCpu)) {}
  double& operator[](int64_t i) { return numbers_.data<double>()[i]; }
  void finish() const { raw::copy_(target_, raw::to(numbers_, target_.device())); }

 private:
  const Tensor& target_;
  Tensor numbers_;
};

/// Vectors among the numbers of a draft.
struct Vectors {
  int64_t count, length;
  int64_t step;   // from one vector to the next
  int64_t inner;  // from one of its numbers to the next
};

/// Gram and Schmidt's process, each vector twice against what rounding leaves. It gives the factor
/// Q whose R has a positive diagonal, which is the one that torch makes of LAPACK's.
void orthonormalize(Draft& draft, const Vectors& vectors) {
  const auto at = [&](int64_t vector, int64_t i) -> double& {
    return draft[vector * vectors.step + i * vectors.inner];
  };
  const auto dot = [&](int64_t a, int64_t b) {
    double sum = 0;
    for (int64_t i = 0; i < vectors.length; ++i) sum += at(a, i) * at(b, i);
    return sum;
  };
  for (int64_t a = 0; a < vectors.count; ++a) {
    for (int64_t pass = 0; pass < 2 * a; ++pass) {
      const int64_t b = pass % a;
      const double share = dot(a, b);
      for (int64_t i = 0; i < vectors.length; ++i) at(a, i) -= share * at(b, i);
    }
    const double norm = std::sqrt(dot(a, a));
    for (int64_t i = 0; i < vectors.length; ++i) at(a, i) /= norm;
  }
}

}  // namespace

DTypeGuard::DTypeGuard(DType dtype) : before_(std::exchange(current_dtype, dtype)) {}

DTypeGuard::~DTypeGuard() {
  current_dtype = before_;
}

Tensor new_parameter(const Dims& sizes) {
  return empty(sizes, current_dtype, default_device());
}

namespace init {

void uniform_(const Tensor& tensor, double from, double to) {
  if (has_no_numbers(tensor)) return;
  // Of complex numbers both parts are drawn.
  const bool parts = is_complex(tensor.dtype());
  const Tensor numbers = parts ? ops::view_as_real(tensor.detach()) : tensor;
  kernels_of(tensor).uniform(default_generator(), from, to, numbers);
}

void normal_(const Tensor& tensor, double mean, double std) {
  NW_CHECK(std >= 0, "[normal_] std cannot be negative, is ", std);
  if (has_no_numbers(tensor)) return;
  kernels_of(tensor).normal(default_generator(), mean, std, tensor);
}

void trunc_normal_(const Tensor& tensor, double mean, double std, double least, double most) {
  if (has_no_numbers(tensor)) return;
  const autograd::NoGrad guard;
  const auto share_below = [](double x) { return (1.0 + std::erf(x / std::sqrt(2.0))) / 2.0; };
  const double low = share_below((least - mean) / std);
  const double high = share_below((most - mean) / std);
  uniform_(tensor, 2 * low - 1, 2 * high - 1);
  Tensor x = ops::erfinv(tensor.detach());
  x = ops::add(ops::mul(x, std * std::sqrt(2.0)), mean);
  raw::copy_(tensor, ops::clamp(x, least, most));
}

void constant_(const Tensor& tensor, double value) {
  raw::fill_(tensor, value);
}

void ones_(const Tensor& tensor) {
  constant_(tensor, 1);
}

void zeros_(const Tensor& tensor) {
  constant_(tensor, 0);
}

void eye_(const Tensor& tensor) {
  NW_CHECK(tensor.dim() == 2, "[eye_] expects 2 dimensions, gets ", to_string(tensor.sizes()));
  if (has_no_numbers(tensor)) return;
  Draft draft(tensor);
  const int64_t columns = tensor.size(1);
  for (int64_t i = 0; i < std::min(tensor.size(0), columns); ++i) draft[i * columns + i] = 1;
  draft.finish();
}

void dirac_(const Tensor& tensor, int64_t groups) {
  NW_CHECK(tensor.dim() >= 3 && tensor.dim() <= 5,
           "[dirac_] expects 3 to 5 dimensions (out, in, kernel…), gets ",
           to_string(tensor.sizes()));
  NW_CHECK(groups > 0 && tensor.size(0) % groups == 0, "[dirac_] the ", tensor.size(0),
           " outputs must be divisible by groups (", groups, ")");
  if (has_no_numbers(tensor)) return;
  Draft draft(tensor);
  const int64_t outputs = tensor.size(0) / groups;
  const Dims strides = contiguous_strides(tensor.sizes());
  int64_t middle = 0;
  for (size_t i = 2; i < strides.size(); ++i) middle += tensor.sizes()[i] / 2 * strides[i];
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t i = 0; i < std::min(outputs, tensor.size(1)); ++i) {
      draft[(group * outputs + i) * strides[0] + i * strides[1] + middle] = 1;
    }
  }
  draft.finish();
}

double calculate_gain(std::string_view nonlinearity, double slope) {
  if (nonlinearity == "linear" || nonlinearity == "sigmoid" || nonlinearity.starts_with("conv")) {
    return 1;
  }
  if (nonlinearity == "tanh") return 5.0 / 3.0;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu") return std::sqrt(2.0 / (1.0 + slope * slope));
  if (nonlinearity == "selu") return 3.0 / 4.0;
  throw Error(concat("[calculate_gain] knows no nonlinearity '", nonlinearity, "'"));
}

void xavier_uniform_(const Tensor& tensor, double gain) {
  const Fans fans = fans_of(tensor, "xavier_uniform_");
  const double bound = std::sqrt(3.0) * (gain * std::sqrt(2.0 / (fans.in + fans.out)));
  uniform_(tensor, -bound, bound);
}

void xavier_normal_(const Tensor& tensor, double gain) {
  const Fans fans = fans_of(tensor, "xavier_normal_");
  normal_(tensor, 0, gain * std::sqrt(2.0 / (fans.in + fans.out)));
}

void kaiming_uniform_(const Tensor& tensor, double slope, FanMode mode,
                      std::string_view nonlinearity) {
  if (tensor.numel() == 0) return;
  const Fans fans = fans_of(tensor, "kaiming_uniform_");
  const double fan = mode == FanMode::In ? fans.in : fans.out;
  const double bound = std::sqrt(3.0) * (calculate_gain(nonlinearity, slope) / std::sqrt(fan));
  uniform_(tensor, -bound, bound);
}

void kaiming_normal_(const Tensor& tensor, double slope, FanMode mode,
                     std::string_view nonlinearity) {
  if (tensor.numel() == 0) return;
  const Fans fans = fans_of(tensor, "kaiming_normal_");
  const double fan = mode == FanMode::In ? fans.in : fans.out;
  normal_(tensor, 0, calculate_gain(nonlinearity, slope) / std::sqrt(fan));
}

void orthogonal_(const Tensor& tensor, double gain) {
  NW_CHECK(tensor.dim() >= 2, "[orthogonal_] expects at least 2 dimensions, gets ",
           to_string(tensor.sizes()));
  if (has_no_numbers(tensor)) return;
  const int64_t rows = tensor.size(0);
  const int64_t columns = tensor.numel() / rows;
  const Tensor drawn = empty(Dims{rows, columns}, tensor.dtype(), tensor.device());
  normal_(drawn);
  const Tensor start = raw::to(raw::to(drawn, kCpu), DType::Float64);
  Draft draft(tensor);
  for (int64_t i = 0; i < tensor.numel(); ++i) draft[i] = start.data<double>()[i];
  if (rows < columns) {
    orthonormalize(draft, {rows, columns, columns, 1});
  } else {
    orthonormalize(draft, {columns, rows, 1, columns});
  }
  for (int64_t i = 0; i < tensor.numel(); ++i) draft[i] *= gain;
  draft.finish();
}

void sparse_(const Tensor& tensor, double sparsity, double std) {
  NW_CHECK(tensor.dim() == 2, "[sparse_] expects 2 dimensions, gets ", to_string(tensor.sizes()));
  if (has_no_numbers(tensor)) return;
  const int64_t rows = tensor.size(0);
  const int64_t columns = tensor.size(1);
  const auto zero_count = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  NW_CHECK(sparsity >= 0 && zero_count <= rows, "[sparse_] sparsity must be between 0 and 1, is ",
           sparsity);
  normal_(tensor, 0, std);
  Draft draft(tensor);
  const Tensor drawn = raw::to(raw::to(raw::contiguous(tensor), kCpu), DType::Float64);
  for (int64_t i = 0; i < tensor.numel(); ++i) draft[i] = drawn.data<double>()[i];
  for (int64_t column = 0; column < columns; ++column) {
    const std::vector<int64_t> order = default_generator().randperm(rows);
    for (int64_t i = 0; i < zero_count; ++i) {
      draft[order[static_cast<size_t>(i)] * columns + column] = 0;
    }
  }
  draft.finish();
}

void linear_(const Tensor& weight, const Tensor& bias) {
  if (weight.numel() == 0) {
    if (bias.defined()) zeros_(bias);
    return;
  }
  kaiming_uniform_(weight, std::sqrt(5.0));
  if (!bias.defined()) return;
  const double bound = 1.0 / std::sqrt(fans_of(weight, "linear_").in);
  uniform_(bias, -bound, bound);
}

}  // namespace init
}  // namespace nw::nn
