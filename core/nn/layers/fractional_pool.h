#pragma once

#include <array>
#include <optional>

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"

namespace nw::nn {

/// The largest number of windows that chance moves in each plane and in each call, in evaluation,
/// too. x (N, C, spatial…) or (C, spatial…) -> the same with output_size, or ⌊output_ratio · size⌋;
/// with return_indices a second tensor, int64: where each came from. No parameters.
/// Source: torch.nn.FractionalMaxPool2d, FractionalMaxPool3d; Graham 2014.
template <size_t N>
class FractionalMaxPool : public Module {
 public:
  struct Options {
    Extents<N> kernel_size;
    std::optional<Extents<N>> output_size = {};              // either this
    std::optional<std::array<double, N>> output_ratio = {};  // or that
    bool return_indices = false;
  };
  explicit FractionalMaxPool(const Options& options);

  std::string kind() const override;
  Tensors forward(const Tensors& inputs) override;

 private:
  Options options_;
};

using FractionalMaxPool2d = FractionalMaxPool<2>;
using FractionalMaxPool3d = FractionalMaxPool<3>;

Block fractional_max_pool_block(size_t spatial);

}  // namespace nw::nn
