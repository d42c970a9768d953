#pragma once

#include "core/nn/block.h"
#include "core/nn/fusable.h"
#include "core/ops/activation.h"
#include "core/ops/elements.h"

// Elementwise activations: x (*) -> y (*), floating point. Gradients at kinks are torch's.
// With `inplace` x itself becomes y, so that only one of them is kept: what else reads x gets y.

namespace nw::nn {

/// What activations without numbers share.
class PlainActivation : public UnaryModule, public Elementwise {
 public:
  struct Options {
    bool inplace = false;
  };
  PlainActivation() = default;
  explicit PlainActivation(const Options& options) : inplace_(options.inplace) {}

  std::string extra_repr() const override { return inplace_ ? "inplace=True" : ""; }
  using UnaryModule::forward;

 protected:
  bool inplace() const { return inplace_; }
  std::optional<ElementOp> unless_in_place(const ElementOp& op) const {
    return inplace_ ? std::nullopt : std::optional(op);
  }

 private:
  bool inplace_ = false;
};

/// y = max(0, x). Source: torch.nn.ReLU.
class ReLU : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "ReLU"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kRelu; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::relu_(input) : ops::relu(input);
  }
};

/// y = min(max(0, x), 6). Source: torch.nn.ReLU6.
class ReLU6 : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "ReLU6"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kRelu6);
  }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::relu6_(input) : ops::relu6(input);
  }
};

/// ELU whose numbers keep mean 0 and variance 1. Source: torch.nn.SELU; Klambauer et al. 2017.
class SELU : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "SELU"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kSelu);
  }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::selu_(input) : ops::selu(input);
  }
};

/// y = x · sigmoid(x). Source: torch.nn.SiLU.
class SiLU : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "SiLU"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kSilu);
  }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::silu_(input) : ops::silu(input);
  }
};

/// y = x · tanh(softplus(x)). Source: torch.nn.Mish.
class Mish : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "Mish"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kMish);
  }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::mish_(input) : ops::mish(input);
  }
};

/// y = x · hardsigmoid(x). Source: torch.nn.Hardswish.
class Hardswish : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "Hardswish"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kHardswish);
  }
  std::string extra_repr() const override { return {}; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::hardswish_(input) : ops::hardswish(input);
  }
};

/// y = clamp(x/6 + 1/2, 0, 1). Source: torch.nn.Hardsigmoid.
class Hardsigmoid : public PlainActivation {
 public:
  using PlainActivation::PlainActivation;
  std::string kind() const override { return "Hardsigmoid"; }
  std::optional<ElementOp> element(DType) const override {
    return unless_in_place(ops::elements::kHardsigmoid);
  }
  std::string extra_repr() const override { return {}; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return inplace() ? ops::hardsigmoid_(input) : ops::hardsigmoid(input);
  }
};

/// y = tanh(x). Source: torch.nn.Tanh.
class Tanh : public UnaryModule, public Elementwise {
 public:
  std::string kind() const override { return "Tanh"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kTanh; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::tanh(input); }
};

/// y = 1 / (1 + e⁻ˣ). Source: torch.nn.Sigmoid.
class Sigmoid : public UnaryModule, public Elementwise {
 public:
  std::string kind() const override { return "Sigmoid"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kSigmoid; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::sigmoid(input); }
};

/// y = ln sigmoid(x). Source: torch.nn.LogSigmoid.
class LogSigmoid : public UnaryModule, public Elementwise {
 public:
  std::string kind() const override { return "LogSigmoid"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kLogSigmoid; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::log_sigmoid(input); }
};

/// y = x / (1 + |x|). Source: torch.nn.Softsign.
class Softsign : public UnaryModule, public Elementwise {
 public:
  std::string kind() const override { return "Softsign"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kSoftsign; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::softsign(input); }
};

/// y = x − tanh(x). Source: torch.nn.Tanhshrink.
class Tanhshrink : public UnaryModule, public Elementwise {
 public:
  std::string kind() const override { return "Tanhshrink"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kTanhshrink; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::tanhshrink(input); }
};

/// y = x above 0, else alpha · (eˣ − 1). Source: torch.nn.ELU; Clevert et al. 2015.
class ELU : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double alpha = 1;
    bool inplace = false;
  };
  explicit ELU(const Options& options) : options_(options) {}

  std::string kind() const override { return "ELU"; }
  std::optional<ElementOp> element(DType) const override {
    if (options_.inplace) return {};
    return ops::elements::elu(options_.alpha);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return options_.inplace ? ops::elu_(input, options_.alpha) : ops::elu(input, options_.alpha);
  }

 private:
  Options options_;
};

/// y = max(0, x) + min(0, alpha · (e^(x/alpha) − 1)). Source: torch.nn.CELU; Barron 2017.
class CELU : public UnaryModule, public Elementwise {
 public:
  using Options = ELU::Options;
  explicit CELU(const Options& options) : options_(options) {}

  std::string kind() const override { return "CELU"; }
  std::optional<ElementOp> element(DType) const override {
    if (options_.inplace) return {};
    return ops::elements::celu(options_.alpha);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return options_.inplace ? ops::celu_(input, options_.alpha) : ops::celu(input, options_.alpha);
  }

 private:
  Options options_;
};

/// y = x above 0, else negative_slope · x. Source: torch.nn.LeakyReLU.
class LeakyReLU : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double negative_slope = 0.01;
    bool inplace = false;
  };
  explicit LeakyReLU(const Options& options) : options_(options) {}

  std::string kind() const override { return "LeakyReLU"; }
  std::optional<ElementOp> element(DType) const override {
    if (options_.inplace) return {};
    return ops::elements::leaky_relu(options_.negative_slope);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return options_.inplace ? ops::leaky_relu_(input, options_.negative_slope)
                            : ops::leaky_relu(input, options_.negative_slope);
  }

 private:
  Options options_;
};

/// y = x above 0, else r · x with r drawn anew for each number from [lower, upper) while training,
/// afterwards (lower + upper) / 2. Source: torch.nn.RReLU; Xu et al. 2015.
class RReLU : public UnaryModule {
 public:
  struct Options {
    double lower = 1.0 / 8;
    double upper = 1.0 / 3;
    bool inplace = false;
  };
  explicit RReLU(const Options& options) : options_(options) {}

  std::string kind() const override { return "RReLU"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

/// LeakyReLU whose slope is learnt: one, or one for each channel of x (N, C, *). state_dict: weight
/// (num_parameters), which starts at init. Source: torch.nn.PReLU; He et al. 2015.
class PReLU : public UnaryModule {
 public:
  struct Options {
    int64_t num_parameters = 1;
    double init = 0.25;
  };
  explicit PReLU(const Options& options);

  std::string kind() const override { return "PReLU"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::prelu(input, weight_); }

 private:
  Tensor weight_;
};

/// y = x above the threshold, else value. Source: torch.nn.Threshold.
class Threshold : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double threshold;
    double value;
    bool inplace = false;
  };
  explicit Threshold(const Options& options) : options_(options) {}

  std::string kind() const override { return "Threshold"; }
  std::optional<ElementOp> element(DType dtype) const override {
    if (options_.inplace) return {};
    return ops::elements::threshold(options_.threshold, options_.value, dtype);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return options_.inplace ? ops::threshold_(input, options_.threshold, options_.value)
                            : ops::threshold(input, options_.threshold, options_.value);
  }

 private:
  Options options_;
};

/// y = x · Φ(x), or its approximation by tanh. Source: torch.nn.GELU; Hendrycks & Gimpel 2016.
class GELU : public UnaryModule, public Elementwise {
 public:
  struct Options {
    std::string approximate = "none";  // or "tanh"
  };
  explicit GELU(const Options& options);

  std::string kind() const override { return "GELU"; }
  std::optional<ElementOp> element(DType) const override;
  std::string extra_repr() const override { return "approximate='" + approximate_ + "'"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  ops::GeluForm form() const;
  std::string approximate_;
};

/// y = ln(1 + e^(beta·x)) / beta; x itself where beta·x is above the threshold. Source:
/// torch.nn.Softplus.
class Softplus : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double beta = 1;
    double threshold = 20;
  };
  explicit Softplus(const Options& options) : options_(options) {}

  std::string kind() const override { return "Softplus"; }
  std::optional<ElementOp> element(DType) const override {
    return ops::elements::softplus(options_.beta, options_.threshold);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return ops::softplus(input, options_.beta, options_.threshold);
  }

 private:
  Options options_;
};

/// y = clamp(x, min_val, max_val); min_val must be the smaller one. Source: torch.nn.Hardtanh.
class Hardtanh : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double min_val = -1;
    double max_val = 1;
    bool inplace = false;
  };
  explicit Hardtanh(const Options& options);

  std::string kind() const override { return "Hardtanh"; }
  std::optional<ElementOp> element(DType) const override {
    if (options_.inplace) return {};
    return ops::elements::hardtanh(options_.min_val, options_.max_val);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override {
    return options_.inplace ? ops::hardtanh_(input, options_.min_val, options_.max_val)
                            : ops::hardtanh(input, options_.min_val, options_.max_val);
  }

 private:
  Options options_;
};

/// y = 0 from −lambd to lambd, else x. Source: torch.nn.Hardshrink.
class Hardshrink : public UnaryModule, public Elementwise {
 public:
  struct Options {
    double lambd = 0.5;
  };
  explicit Hardshrink(const Options& options) : lambd_(options.lambd) {}

  std::string kind() const override { return "Hardshrink"; }
  std::optional<ElementOp> element(DType dtype) const override {
    return ops::elements::hardshrink(lambd_, dtype);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::hardshrink(input, lambd_); }

 private:
  double lambd_;
};

/// y = x moved towards 0 by lambd, 0 from −lambd to lambd. Source: torch.nn.Softshrink.
class Softshrink : public UnaryModule, public Elementwise {
 public:
  using Options = Hardshrink::Options;
  explicit Softshrink(const Options& options) : lambd_(options.lambd) {}

  std::string kind() const override { return "Softshrink"; }
  std::optional<ElementOp> element(DType dtype) const override {
    return ops::elements::softshrink(lambd_, dtype);
  }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::softshrink(input, lambd_); }

 private:
  double lambd_;
};

/// y = a · sigmoid(b) of the halves of x along dim: (…, 2n, …) -> (…, n, …). Source: torch.nn.GLU;
/// Dauphin et al. 2016.
class GLU : public UnaryModule {
 public:
  struct Options {
    int64_t dim = -1;
  };
  explicit GLU(const Options& options) : dim_(options.dim) {}

  std::string kind() const override { return "GLU"; }
  std::string extra_repr() const override { return "dim=" + std::to_string(dim_); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return ops::glu(input, dim_); }

 private:
  int64_t dim_;
};

/// In palette order.
std::vector<Block> activation_blocks();

}  // namespace nw::nn
