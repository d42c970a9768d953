#pragma once

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"

/// Pooling of x (N, C, spatial…) or (C, spatial…) to sizes that are given; no parameters.
namespace nw::nn {

/// One size for all dimensions or one for each, where kNoneItem is the input's own.
template <size_t N>
struct AdaptiveSize {
  Extents<N> sizes;

  SmallVector<int64_t, 3> output() const;
  /// "7", "None" or "(None, 7)".
  std::string text() const { return sizes.text(); }
};

/// The mean of each part. Source: torch.nn.AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d.
template <size_t N>
class AdaptiveAvgPool : public UnaryModule {
 public:
  explicit AdaptiveAvgPool(const Extents<N>& output_size) : size_{output_size} {}

  std::string kind() const override;
  std::string extra_repr() const override { return "output_size=" + size_.text(); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  AdaptiveSize<N> size_;
};

/// The largest of each part; with return_indices a second tensor, int64: where each came from.
/// Source: torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d.
template <size_t N>
class AdaptiveMaxPool : public Module {
 public:
  explicit AdaptiveMaxPool(const Extents<N>& output_size, bool return_indices = false)
      : size_{output_size}, return_indices_(return_indices) {}

  std::string kind() const override;
  std::string extra_repr() const override { return "output_size=" + size_.text(); }
  Tensors forward(const Tensors& inputs) override;

 private:
  AdaptiveSize<N> size_;
  bool return_indices_;
};

Block adaptive_avg_pool_block(size_t spatial);
Block adaptive_max_pool_block(size_t spatial);

}  // namespace nw::nn
