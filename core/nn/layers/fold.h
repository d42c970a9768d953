#pragma once

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"

/// Layers that only move numbers of images around.
namespace nw::nn {

/// What Fold and Unfold share.
struct FoldOptions {
  Extents<2> kernel_size;
  Extents<2> dilation = 1;
  Extents<2> padding = 0;
  Extents<2> stride = 1;
};

/// Windows as columns: x (N, C, H, W) or (C, H, W) -> (N, C·kh·kw, windows).
/// Source: torch.nn.Unfold.
class Unfold : public UnaryModule {
 public:
  explicit Unfold(const FoldOptions& options) : options_(options) {}
  std::string kind() const override { return "Unfold"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  FoldOptions options_;
};

/// Adds overlapping columns up to images: (N, C·kh·kw, windows) -> (N, C, H, W).
/// Source: torch.nn.Fold.
class Fold : public UnaryModule {
 public:
  Fold(const Extents<2>& output_size, const FoldOptions& options)
      : output_size_(output_size), options_(options) {}
  std::string kind() const override { return "Fold"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Extents<2> output_size_;
  FoldOptions options_;
};

/// x (…, C·r², H, W) -> (…, C, H·r, W·r). Source: torch.nn.PixelShuffle.
class PixelShuffle : public UnaryModule {
 public:
  explicit PixelShuffle(int64_t upscale_factor) : factor_(upscale_factor) {}
  std::string kind() const override { return "PixelShuffle"; }
  std::string extra_repr() const override { return concat("upscale_factor=", factor_); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  int64_t factor_;
};

/// x (…, C, H·r, W·r) -> (…, C·r², H, W). Source: torch.nn.PixelUnshuffle.
class PixelUnshuffle : public UnaryModule {
 public:
  explicit PixelUnshuffle(int64_t downscale_factor) : factor_(downscale_factor) {}
  std::string kind() const override { return "PixelUnshuffle"; }
  std::string extra_repr() const override { return concat("downscale_factor=", factor_); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  int64_t factor_;
};

/// x (N, C, spatial…) with the channels of the groups taken in turns.
/// Source: torch.nn.ChannelShuffle.
class ChannelShuffle : public UnaryModule {
 public:
  explicit ChannelShuffle(int64_t groups) : groups_(groups) {}
  std::string kind() const override { return "ChannelShuffle"; }
  std::string extra_repr() const override { return concat("groups=", groups_); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  int64_t groups_;
};

Block unfold_block();
Block fold_block();
Block pixel_shuffle_block();
Block pixel_unshuffle_block();
Block channel_shuffle_block();

}  // namespace nw::nn
