#pragma once

#include <optional>

#include "core/nn/block.h"

// Activations along one dimension: x (*) -> y (*), floating point. Without a dimension, torch's old
// choice: 0 for tensors of 0, 1 or 3 dimensions, else 1.

namespace nw::nn {

/// What Softmax, Softmin and LogSoftmax share.
class AlongDim : public UnaryModule {
 public:
  struct Options {
    std::optional<int64_t> dim = {};
  };
  explicit AlongDim(const Options& options) : dim_(options.dim) {}

  std::string extra_repr() const override;
  using UnaryModule::forward;

 protected:
  int64_t dim_of(const Tensor& input) const;

 private:
  std::optional<int64_t> dim_;
};

/// y = eˣ / Σ eˣ. Source: torch.nn.Softmax.
class Softmax : public AlongDim {
 public:
  using AlongDim::AlongDim;
  std::string kind() const override { return "Softmax"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// y = e⁻ˣ / Σ e⁻ˣ. Source: torch.nn.Softmin.
class Softmin : public AlongDim {
 public:
  using AlongDim::AlongDim;
  std::string kind() const override { return "Softmin"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// y = x − ln Σ eˣ. Source: torch.nn.LogSoftmax.
class LogSoftmax : public AlongDim {
 public:
  using AlongDim::AlongDim;
  std::string kind() const override { return "LogSoftmax"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// Softmax over the channels of each pixel: x (N, C, H, W) or (C, H, W). Source:
/// torch.nn.Softmax2d.
class Softmax2d : public UnaryModule {
 public:
  std::string kind() const override { return "Softmax2d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

Block softmax_block();
Block softmin_block();
Block log_softmax_block();
Block softmax2d_block();

}  // namespace nw::nn
