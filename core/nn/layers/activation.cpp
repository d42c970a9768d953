#include "core/nn/layers/activation.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"

namespace nw::nn {
namespace {

std::string number(double value) {
  return to_python(Value(value));
}

/// As torch prints a default that is written without a point in its signature.
std::string number(double value, int whole_default) {
  return value == whole_default ? std::to_string(whole_default) : number(value);
}

std::string inplace_text(bool inplace) {
  return inplace ? ", inplace=True" : "";
}

}  // namespace

std::string ELU::extra_repr() const {
  return "alpha=" + number(options_.alpha) + inplace_text(options_.inplace);
}

std::string CELU::extra_repr() const {
  return "alpha=" + number(options_.alpha) + inplace_text(options_.inplace);
}

std::string LeakyReLU::extra_repr() const {
  return "negative_slope=" + number(options_.negative_slope) + inplace_text(options_.inplace);
}

std::string RReLU::extra_repr() const {
  return concat("lower=", number(options_.lower), ", upper=", number(options_.upper),
                inplace_text(options_.inplace));
}

Tensor RReLU::forward(const Tensor& input) {
  const double lower = options_.lower;
  const double upper = options_.upper;
  // As in PyTorch not before it runs, but then outside training, too.
  NW_CHECK(lower <= upper, "[RReLU] lower must be at most upper, is ", lower, " of ", upper);
  if (training()) {
    return options_.inplace ? ops::rrelu_(input, lower, upper, default_generator())
                            : ops::rrelu(input, lower, upper, default_generator());
  }
  const double middle = (lower + upper) / 2;
  return options_.inplace ? ops::leaky_relu_(input, middle) : ops::leaky_relu(input, middle);
}

PReLU::PReLU(const Options& options) {
  NW_CHECK(options.num_parameters >= 0, "[PReLU] num_parameters cannot be negative, is ",
           options.num_parameters);
  weight_ = register_parameter("weight", new_parameter(Dims{options.num_parameters}));
  raw::fill_(weight_, options.init);
}

std::string PReLU::extra_repr() const {
  return "num_parameters=" + std::to_string(weight_.numel());
}

std::string Threshold::extra_repr() const {
  return "threshold=" + number(options_.threshold) + ", value=" + number(options_.value) +
         inplace_text(options_.inplace);
}

GELU::GELU(const Options& options) : approximate_(options.approximate) {
  NW_CHECK(approximate_ == "none" || approximate_ == "tanh",
           "[GELU] approximate must be 'none' or 'tanh', is '", approximate_, "'");
}

ops::GeluForm GELU::form() const {
  return approximate_ == "tanh" ? ops::GeluForm::Tanh : ops::GeluForm::Exact;
}

std::optional<ElementOp> GELU::element(DType) const {
  return ops::elements::gelu(form());
}

Tensor GELU::forward(const Tensor& input) {
  return ops::gelu(input, form());
}

std::string Softplus::extra_repr() const {
  return "beta=" + number(options_.beta, 1) + ", threshold=" + number(options_.threshold, 20);
}

Hardtanh::Hardtanh(const Options& options) : options_(options) {
  NW_CHECK(options.min_val < options.max_val, "[Hardtanh] min_val must be below max_val, they are ",
           options.min_val, " and ", options.max_val);
}

std::string Hardtanh::extra_repr() const {
  return "min_val=" + number(options_.min_val) + ", max_val=" + number(options_.max_val) +
         inplace_text(options_.inplace);
}

std::string Hardshrink::extra_repr() const {
  return number(lambd_);
}

std::string Softshrink::extra_repr() const {
  return number(lambd_);
}

}  // namespace nw::nn
