#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"
#include "core/ops/pool.h"

namespace nw::nn {

/// The largest of each window: x (N, C, H, W) or (C, H, W) -> (N, C, H', W').
/// Source: torch.nn.MaxPool2d.
class MaxPool2d : public UnaryModule {
 public:
  struct Options {
    Extents<2> kernel_size;
    std::optional<Extents<2>> stride = {};  // none: the kernel's
    Extents<2> padding = 0;
    Extents<2> dilation = 1;
    bool ceil_mode = false;
  };
  explicit MaxPool2d(const Options& options);

  std::string kind() const override { return "MaxPool2d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Window window_;
  ops::Rounding rounding_;
};

/// The mean of each window: x (N, C, H, W) or (C, H, W) -> (N, C, H', W').
/// Source: torch.nn.AvgPool2d.
class AvgPool2d : public UnaryModule {
 public:
  struct Options {
    Extents<2> kernel_size;
    std::optional<Extents<2>> stride = {};  // none: the kernel's
    Extents<2> padding = 0;
    bool ceil_mode = false;
    bool count_include_pad = true;
    std::optional<int64_t> divisor_override = {};
  };
  explicit AvgPool2d(const Options& options);

  std::string kind() const override { return "AvgPool2d"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Window window_;
  ops::Rounding rounding_;
  AvgPoolMode mode_;
};

Block max_pool2d_block();
Block avg_pool2d_block();

}  // namespace nw::nn
