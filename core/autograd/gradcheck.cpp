#include "core/autograd/gradcheck.h"

#include <cmath>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::autograd {
namespace {

/// Σ output · weights, in float64.
double weighted_sum(const Tensor& output, const std::vector<double>& weights) {
  const Tensor dense = raw::contiguous(output);
  const double* values = dense.data<double>();
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += values[i] * weights[i];
  return sum;
}

/// The address of the element with row-major number `index` in a strided tensor.
double* element(const Tensor& tensor, int64_t index) {
  int64_t offset = 0;
  for (size_t d = tensor.sizes().size(); d-- > 0;) {
    offset += index % tensor.sizes()[d] * tensor.strides()[d];
    index /= tensor.sizes()[d];
  }
  return tensor.data<double>() + offset;
}

class Checker {
 public:
  Checker(const std::function<Tensor(const Tensors&)>& function, const Tensors& inputs,
          const GradcheckOptions& options)
      : function_(function), inputs_(inputs), options_(options) {}

  std::string run() {
    const Tensor output = function_(inputs_);
    NW_CHECK(output.dtype() == DType::Float64, "[gradcheck] expects a float64 output, gets ",
             describe(output));
    Generator generator(1);
    const Tensor grad = empty(output.sizes(), DType::Float64);
    for (int64_t i = 0; i < grad.numel(); ++i) {
      weights_.push_back(2.0 * generator.uniform_double() - 1.0);
      grad.data<double>()[i] = weights_.back();
    }
    for (const Tensor& input : inputs_) {
      if (input.defined()) input.set_grad({});
    }
    backward(output, grad);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].defined() || !inputs_[i].requires_grad()) continue;
      if (std::string text = check(i); !text.empty()) return text;
    }
    return {};
  }

 private:
  std::string check(size_t which) const {
    const Tensor& input = inputs_[which];
    const Tensor grad = input.grad().defined() ? raw::contiguous(input.grad())
                                               : zeros(input.sizes(), DType::Float64);
    const NoGrad guard;
    for (int64_t i = 0; i < input.numel(); ++i) {
      double* value = element(input, i);
      const double kept = *value;
      *value = kept + options_.eps;
      const double above = weighted_sum(function_(inputs_), weights_);
      *value = kept - options_.eps;
      const double below = weighted_sum(function_(inputs_), weights_);
      *value = kept;
      const double numeric = (above - below) / (2 * options_.eps);
      const double analytic = grad.data<double>()[i];
      if (!(std::abs(numeric - analytic) <= options_.atol + options_.rtol * std::abs(numeric))) {
        return concat("input ", which, ", element ", i, ": backward gives ", analytic,
                      ", differences give ", numeric);
      }
    }
    return {};
  }

  const std::function<Tensor(const Tensors&)>& function_;
  const Tensors& inputs_;
  const GradcheckOptions& options_;
  std::vector<double> weights_;
};

}  // namespace

std::string gradcheck(const std::function<Tensor(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options) {
  return Checker(function, inputs, options).run();
}

}  // namespace nw::autograd
