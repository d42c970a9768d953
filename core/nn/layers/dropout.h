#pragma once

#include "core/nn/block.h"

// Layers that drop numbers at random while training and do nothing else. They draw from
// default_generator() in torch's order. x (*) -> y (*), floating point.

namespace nw::nn {

/// What the dropouts share.
class DropoutBase : public UnaryModule {
 public:
  struct Options {
    double p = 0.5;
    bool inplace = false;  // overwrites the input
  };

  std::string extra_repr() const override;
  using UnaryModule::forward;

 protected:
  DropoutBase(const Options& options, std::string_view op);
  double p() const { return options_.p; }
  bool inplace() const { return options_.inplace; }
  /// Whole channels of x (N, C, *) while training.
  Tensor drop_channels(const Tensor& x) const;

 private:
  Options options_;
};

/// Zeroes each number with probability p and divides the others by 1 − p. Source: torch.nn.Dropout;
/// Srivastava et al. 2014.
class Dropout : public DropoutBase {
 public:
  explicit Dropout(const Options& options) : DropoutBase(options, "Dropout") {}
  std::string kind() const override { return "Dropout"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// The same for whole channels: x (N, C, L) or (C, L). Source: torch.nn.Dropout1d.
class Dropout1d : public DropoutBase {
 public:
  explicit Dropout1d(const Options& options) : DropoutBase(options, "Dropout1d") {}
  std::string kind() const override { return "Dropout1d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// x (N, C, H, W). What has another number of dimensions is taken as (N, C, *), so of (C, H, W)
/// rows are dropped, as in PyTorch. Source: torch.nn.Dropout2d; Tompson et al. 2015.
class Dropout2d : public DropoutBase {
 public:
  explicit Dropout2d(const Options& options) : DropoutBase(options, "Dropout2d") {}
  std::string kind() const override { return "Dropout2d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// x (N, C, D, H, W) or (C, D, H, W). Source: torch.nn.Dropout3d.
class Dropout3d : public DropoutBase {
 public:
  explicit Dropout3d(const Options& options) : DropoutBase(options, "Dropout3d") {}
  std::string kind() const override { return "Dropout3d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// Drops to SELU's least value, and keeps mean 0 and variance 1. As in PyTorch `inplace` is
/// printed, and the input is not overwritten. Source: torch.nn.AlphaDropout; Klambauer et al. 2017.
class AlphaDropout : public DropoutBase {
 public:
  explicit AlphaDropout(const Options& options) : DropoutBase(options, "AlphaDropout") {}
  std::string kind() const override { return "AlphaDropout"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// The same for whole channels of x (N, C, *). Source: torch.nn.FeatureAlphaDropout.
class FeatureAlphaDropout : public DropoutBase {
 public:
  explicit FeatureAlphaDropout(const Options& options)
      : DropoutBase(options, "FeatureAlphaDropout") {}
  std::string kind() const override { return "FeatureAlphaDropout"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// In palette order.
std::vector<Block> dropout_blocks();

}  // namespace nw::nn
