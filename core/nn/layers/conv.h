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

/// As in_channels: the first input tells.
inline constexpr int64_t kFromInput = -1;

/// What all convolutions share: parameters, their initial values, and what is printed. Weight and
/// bias are U(±1/√fan_in), fan_in being the numbers in one kernel as torch counts them.
class ConvNd : public UnaryModule {
 public:
  /// "Conv2d"; "LazyConv2d" until the first input.
  std::string kind() const override { return std::string(is_lazy() ? lazy_name_ : name_); }
  std::string extra_repr() const override;

 protected:
  struct Geometry {
    int64_t in_channels, out_channels;  // in_channels may be kFromInput
    Window window;
    std::string padding_word;
    SmallVector<int64_t, 3> output_padding;
    bool bias;
    std::string padding_mode;
    bool transposed;
  };
  /// `name`, a literal, starts error messages. Throws Error where the numbers contradict one
  /// another.
  ConvNd(const Geometry& geometry, std::string_view name, std::string_view lazy_name);

  const Geometry& geometry() const { return geometry_; }
  std::string_view name() const { return name_; }
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }
  void initialize_parameters(const Tensors& inputs) override;

 private:
  Dims weight_sizes() const;

  Geometry geometry_;
  std::string_view name_;
  std::string_view lazy_name_;
  Tensor weight_;
  Tensor bias_;
};

/// Cross-correlation of x (N, C, spatial…) or (C, spatial…) with learnable kernels -> (N, out,
/// spatial…). state_dict: weight (out, in/groups, kernel…), bias (out).
/// Source: torch.nn.Conv1d, Conv2d, Conv3d, and LazyConv*d for in_channels kFromInput.
template <size_t N>
class Conv : public ConvNd {
 public:
  struct Options {
    int64_t in_channels;  // kFromInput: taken from the first input
    int64_t out_channels;
    Extents<N> kernel_size;
    Extents<N> stride = 1;
    ConvPadding<N> padding = 0;
    Extents<N> dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    std::string padding_mode = "zeros";  // or reflect, replicate, circular
  };
  explicit Conv(const Options& options);

  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Window window_;   // what the convolution itself pads
  ops::Pads pads_;  // done before it; empty: none
  ops::PadMode pad_mode_;
};

using Conv1d = Conv<1>;
using Conv2d = Conv<2>;
using Conv3d = Conv<3>;

/// The transposed map, which makes sizes larger: x (N, C, spatial…) or (C, spatial…) -> (N, out,
/// spatial…). state_dict: weight (in, out/groups, kernel…), bias (out).
/// Source: torch.nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, and LazyConvTranspose*d.
template <size_t N>
class ConvTranspose : public ConvNd {
 public:
  struct Options {
    int64_t in_channels;  // kFromInput: taken from the first input
    int64_t out_channels;
    Extents<N> kernel_size;
    Extents<N> stride = 1;
    Extents<N> padding = 0;
    Extents<N> output_padding = 0;
    int64_t groups = 1;
    bool bias = true;
    Extents<N> dilation = 1;
    std::string padding_mode = "zeros";  // forward takes no other
    /// The spatial sizes that forward(input) makes; empty: output_padding decides.
    std::vector<int64_t> output_size = {};
  };
  explicit ConvTranspose(const Options& options);

  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
  /// Makes the spatial sizes that are asked for, if stride leaves that choice; a batch and channels
  /// may stand in front of them.
  Tensor forward(const Tensor& input, const std::vector<int64_t>& output_size);

 private:
  std::vector<int64_t> output_size_;
};

using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;
using ConvTranspose3d = ConvTranspose<3>;

Block conv_block(size_t spatial);
Block conv_transpose_block(size_t spatial);
/// The same with in_channels always from the first input.
Block lazy_conv_block(size_t spatial);
Block lazy_conv_transpose_block(size_t spatial);

}  // namespace nw::nn
