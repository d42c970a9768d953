#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/ops/resample.h"

namespace nw::nn {

/// x (N, C, spatial…) with other spatial sizes; no parameters. Source: torch.nn.Upsample.
class Upsample : public UnaryModule {
 public:
  struct Options {
    std::vector<int64_t> size = {};         // one stands for all dimensions; empty: not given
    std::vector<double> scale_factor = {};  // the same
    std::string mode = "nearest";           // linear, bilinear, bicubic, trilinear, nearest-exact,
                                            // area
    std::optional<bool> align_corners = {};
    std::optional<bool> recompute_scale_factor = {};
    bool size_is_tuple = false;  // as given, for what is printed
    bool scale_is_tuple = false;
  };
  explicit Upsample(const Options& options) : Upsample("Upsample", options) {}

  std::string kind() const override { return std::string(name_); }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  Upsample(std::string_view name, const Options& options);

 private:
  std::string_view name_;  // a literal
  Options options_;
};

/// Upsample of images with mode 'nearest'. Source: torch.nn.UpsamplingNearest2d.
class UpsamplingNearest2d : public Upsample {
 public:
  explicit UpsamplingNearest2d(Options options);
};

/// Upsample of images with mode 'bilinear' and the corners in place.
/// Source: torch.nn.UpsamplingBilinear2d.
class UpsamplingBilinear2d : public Upsample {
 public:
  explicit UpsamplingBilinear2d(Options options);
};

Block upsample_block();
Block upsampling_nearest2d_block();
Block upsampling_bilinear2d_block();

}  // namespace nw::nn
