#pragma once

#include <concepts>
#include <string_view>

#include "core/backend/backend.h"
#include "core/nn/block.h"
#include "core/nn/layers/extents.h"
#include "core/ops/pad.h"

namespace nw::nn {

/// Padding of a convolution: extents, or the words 'valid' (none) and 'same' (the output gets the
/// input's size; stride 1 only).
template <size_t N>
struct ConvPadding {
  ConvPadding(int64_t all) : extents(all) {}
  ConvPadding(std::initializer_list<int64_t> items) : extents(items) {}
  ConvPadding(const std::vector<int64_t>& items) : extents(items) {}
  template <typename Text>
  requires std::convertible_to<Text, std::string> ConvPadding(const Text& name) : word(name) {}

  Extents<N> extents = 0;
  std::string word;  // empty, "valid" or "same"
};

/// What Conv1d, Conv2d and Conv3d share: parameters, their initial values, and padding.
class ConvNd : public UnaryModule {
 public:
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  struct Geometry {
    int64_t in_channels, out_channels;
    Window window;
    std::string padding_word, padding_mode;
    bool bias;
  };
  /// Throws Error, starting with `name`, where the numbers contradict one another.
  ConvNd(const Geometry& geometry, std::string_view name);

 private:
  std::string_view name_;  // a literal
  Window window_;
  ops::Pads pads_;  // done before the convolution; empty: none
  ops::PadMode pad_mode_ = ops::PadMode::Zeros;
  Tensor weight_;
  Tensor bias_;
};

/// Cross-correlation of x (N, C, H, W) or (C, H, W) with learnable kernels -> (N, out, H', W').
/// state_dict: weight (out, in/groups, kh, kw), bias (out). Source: torch.nn.Conv2d.
class Conv2d : public ConvNd {
 public:
  struct Options {
    int64_t in_channels;
    int64_t out_channels;
    Extents<2> kernel_size;
    Extents<2> stride = 1;
    ConvPadding<2> padding = 0;
    Extents<2> dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    std::string padding_mode = "zeros";  // or reflect, replicate, circular
  };
  explicit Conv2d(const Options& options);

  std::string kind() const override { return "Conv2d"; }
};

Block conv2d_block();

}  // namespace nw::nn
