#include "core/autograd/gradcheck.h"

#include <cmath>
#include <vector>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::autograd {
namespace {

/// Real numbers that one element is made of: 1, or 2 of a complex one.
int64_t parts_of(DType dtype) {
  NW_ASSERT(dtype == DType::Float64 || dtype == DType::Complex128);
  return dtype == DType::Float64 ? 1 : 2;
}

bool is_checked(const Tensor& tensor) {
  return tensor.defined() &&
         (tensor.dtype() == DType::Float64 || tensor.dtype() == DType::Complex128);
}

/// The real numbers of the element with row-major number `index` in a strided tensor.
double* element(const Tensor& tensor, int64_t index) {
  int64_t offset = 0;
  for (size_t d = tensor.sizes().size(); d-- > 0;) {
    offset += index % tensor.sizes()[d] * tensor.strides()[d];
    index /= tensor.sizes()[d];
  }
  return static_cast<double*>(tensor.raw()) + offset * parts_of(tensor.dtype());
}

/// The outputs whose gradient can be checked.
Tensors checked(const Tensors& outputs) {
  Tensors kept;
  for (const Tensor& output : outputs) {
    if (is_checked(output)) kept.push_back(output);
  }
  return kept;
}

/// The same numbers, the dimensions laid out in reverse and NaN in every other place of memory.
Tensor spread(const Tensor& dense) {
  Dims strides(dense.sizes().size());
  int64_t step = 2;
  for (size_t i = 0; i < strides.size(); ++i) {
    strides[i] = step;
    step *= std::max<int64_t>(dense.sizes()[i], 1);
  }
  const Tensor memory = full(Dims{step}, std::nan(""), dense.dtype(), kCpu);
  const Tensor out = memory.as_strided(dense.sizes(), strides, 0);
  raw::copy_(out, dense);
  return out;
}

class Checker {
 public:
  Checker(const std::function<Tensors(const Tensors&)>& function, const Tensors& inputs,
          const GradcheckOptions& options)
      : function_(function), inputs_(inputs), options_(options) {}

  std::string run() {
    draw_weights();
    const std::vector<Tensor> dense = gradients(false);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!is_wanted(i)) continue;
      if (std::string text = check(i, dense[i]); !text.empty()) return text;
    }
    const std::vector<Tensor> scattered = gradients(true);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!is_wanted(i)) continue;
      if (std::string text = same(i, dense[i], scattered[i]); !text.empty()) return text;
    }
    return {};
  }

 private:
  bool is_wanted(size_t i) const { return is_checked(inputs_[i]) && inputs_[i].requires_grad(); }

  void draw_weights() {
    Generator generator(1);
    for (const Tensor& output : checked(function_(inputs_))) {
      const Tensor weight = empty(output.sizes(), output.dtype(), kCpu);
      auto* numbers = static_cast<double*>(weight.raw());
      for (int64_t i = 0; i < weight.numel() * parts_of(weight.dtype()); ++i) {
        numbers[i] = 2.0 * generator.uniform_double() - 1.0;
      }
      weights_.push_back(weight);
    }
    NW_CHECK(!weights_.empty(), "[gradcheck] expects a float64 or complex128 output");
  }

  /// What backward gives for each input, dense; zeros where nothing came.
  std::vector<Tensor> gradients(bool scattered) const {
    for (const Tensor& input : inputs_) {
      if (input.defined()) input.set_grad({});
    }
    Tensors outputs, grads;
    const Tensors all = checked(function_(inputs_));
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all[i].requires_grad()) continue;
      outputs.push_back(all[i]);
      grads.push_back(scattered ? spread(weights_[i]) : weights_[i]);
    }
    NW_CHECK(!outputs.empty(), "[gradcheck] no output depends on an input that needs a gradient");
    backward(outputs, grads);
    std::vector<Tensor> found;
    for (const Tensor& input : inputs_) {
      found.push_back(!is_checked(input)       ? Tensor()
                      : input.grad().defined() ? raw::clone(input.grad())
                                               : zeros(input.sizes(), input.dtype(), kCpu));
    }
    return found;
  }

  /// Σ Re(output · conj(weight)) over all outputs.
  double loss() const {
    double sum = 0;
    const Tensors outputs = checked(function_(inputs_));
    for (size_t k = 0; k < outputs.size(); ++k) {
      const Tensor dense = raw::contiguous(outputs[k]);
      const auto* values = static_cast<const double*>(dense.raw());
      const auto* weights = static_cast<const double*>(weights_[k].raw());
      const int64_t count = dense.numel() * parts_of(dense.dtype());
      for (int64_t i = 0; i < count; ++i) sum += values[i] * weights[i];
    }
    return sum;
  }

  std::string check(size_t which, const Tensor& grad) const {
    const NoGrad guard;
    const Tensor& input = inputs_[which];
    const int64_t parts = parts_of(input.dtype());
    for (int64_t i = 0; i < input.numel() * parts; ++i) {
      double* value = element(input, i / parts) + i % parts;
      const double kept = *value;
      *value = kept + options_.eps;
      const double above = loss();
      *value = kept - options_.eps;
      const double below = loss();
      *value = kept;
      const double numeric = (above - below) / (2 * options_.eps);
      const double analytic = static_cast<const double*>(grad.raw())[i];
      if (!(std::abs(numeric - analytic) <= options_.atol + options_.rtol * std::abs(numeric))) {
        return concat(place(which, i, parts), ": backward gives ", analytic, ", differences give ",
                      numeric);
      }
    }
    return {};
  }

  std::string same(size_t which, const Tensor& dense, const Tensor& scattered) const {
    constexpr double kRounding = 1e-9;
    const int64_t parts = parts_of(dense.dtype());
    for (int64_t i = 0; i < dense.numel() * parts; ++i) {
      const double a = static_cast<const double*>(dense.raw())[i];
      const double b = static_cast<const double*>(scattered.raw())[i];
      if (!(std::abs(a - b) <= kRounding * (1 + std::abs(a)))) {
        return concat(place(which, i, parts), ": backward gives ", a,
                      " for a dense gradient of the output, ", b, " for the same one scattered");
      }
    }
    return {};
  }

  static std::string place(size_t which, int64_t i, int64_t parts) {
    return concat("input ", which, ", element ", i / parts,
                  parts == 1   ? ""
                  : i % 2 == 0 ? " (real part)"
                               : " (imaginary part)");
  }

  const std::function<Tensors(const Tensors&)>& function_;
  const Tensors& inputs_;
  const GradcheckOptions& options_;
  std::vector<Tensor> weights_;
};

}  // namespace

std::string gradcheck(const std::function<Tensors(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options) {
  return Checker(function, inputs, options).run();
}

std::string gradcheck(const std::function<Tensor(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options) {
  return gradcheck([&](const Tensors& given) -> Tensors { return {function(given)}; }, inputs,
                   options);
}

}  // namespace nw::autograd
