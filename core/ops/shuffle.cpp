#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/resample.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// x read as `parts`, its dimensions put in the order of `order`, and read as `sizes`.
struct Shuffle {
  Dims parts;
  Dims order;
  Dims sizes;

  Tensor apply(const Tensor& x) const {
    const Tensor dense = view_dense(raw::contiguous(x), parts);
    Dims moved;
    Dims strides;
    for (int64_t d : order) {
      moved.push_back(parts[static_cast<size_t>(d)]);
      strides.push_back(dense.strides()[static_cast<size_t>(d)]);
    }
    return view_dense(raw::clone(dense.as_strided(moved, strides, dense.offset())), sizes);
  }

  Shuffle inverse(const Dims& x_sizes) const {
    Shuffle back{{}, Dims(order.size()), x_sizes};
    for (size_t i = 0; i < order.size(); ++i) {
      back.parts.push_back(parts[static_cast<size_t>(order[i])]);
      back.order[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    }
    return back;
  }
};

Tensor shuffled(const Tensor& x, const Shuffle& shuffle, std::string_view op) {
  const Tensor y = shuffle.apply(x);
  if (autograd::needs_record(x)) {
    autograd::record(op, y, std::array{x}, std::array<Tensor, 0>{},
                     [back = shuffle.inverse(x.sizes())](
                         const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                         const auto&) { grad_inputs[0] = back.apply(grads[0]); });
  }
  return y;
}

/// What pixel_shuffle and its inverse share: x as (leading, C, H, W).
struct Image {
  int64_t leading = 1;
  int64_t channels, height, width;
  Dims front;  // the leading sizes

  Image(const Tensor& x, int64_t factor, std::string_view op) {
    NW_CHECK(x.defined() && x.dim() >= 3, "[", op,
             "] expects at least 3 dimensions (…, C, H, W), gets ", x.defined() ? x.dim() : 0);
    NW_CHECK(factor >= 1, "[", op, "] expects a factor of at least 1, gets ", factor);
    channels = x.size(-3);
    height = x.size(-2);
    width = x.size(-1);
    for (size_t i = 0; i + 3 < x.sizes().size(); ++i) {
      front.push_back(x.sizes()[i]);
      leading *= x.sizes()[i];
    }
  }

  Dims with(int64_t c, int64_t h, int64_t w) const {
    Dims sizes = front;
    for (int64_t size : {c, h, w}) sizes.push_back(size);
    return sizes;
  }
};

}  // namespace

Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  constexpr std::string_view kOp = "PixelShuffle";
  const Image in(x, factor, kOp);
  NW_CHECK(in.channels % (factor * factor) == 0, "[", kOp, "] channels (", in.channels,
           ") must be divisible by upscale_factor² (", factor * factor, ")");
  const int64_t channels = in.channels / (factor * factor);
  return shuffled(
      x,
      {Dims{in.leading, channels, factor, factor, in.height, in.width}, Dims{0, 1, 4, 2, 5, 3},
       in.with(channels, in.height * factor, in.width * factor)},
      kOp);
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  constexpr std::string_view kOp = "PixelUnshuffle";
  const Image in(x, factor, kOp);
  NW_CHECK(in.height % factor == 0 && in.width % factor == 0, "[", kOp, "] height (", in.height,
           ") and width (", in.width, ") must be divisible by downscale_factor (", factor, ")");
  if (x.numel() == 0) return clone(x);  // torch leaves what is empty as it is
  const int64_t height = in.height / factor;
  const int64_t width = in.width / factor;
  return shuffled(x,
                  {Dims{in.leading, in.channels, height, factor, width, factor},
                   Dims{0, 1, 3, 5, 2, 4}, in.with(in.channels * factor * factor, height, width)},
                  kOp);
}

Tensor channel_shuffle(const Tensor& x, int64_t groups) {
  constexpr std::string_view kOp = "ChannelShuffle";
  NW_CHECK(x.defined() && x.dim() >= 3, "[", kOp,
           "] expects at least 3 dimensions (N, C, spatial…), gets ", x.defined() ? x.dim() : 0);
  NW_CHECK(groups >= 1, "[", kOp, "] groups must be at least 1, is ", groups);
  const int64_t channels = x.sizes()[1];
  NW_CHECK(channels % groups == 0, "[", kOp, "] channels (", channels,
           ") must be divisible by groups (", groups, ")");
  int64_t inner = 1;
  for (size_t i = 2; i < x.sizes().size(); ++i) inner *= x.sizes()[i];
  return shuffled(
      x, {Dims{x.sizes()[0], groups, channels / groups, inner}, Dims{0, 2, 1, 3}, x.sizes()}, kOp);
}

}  // namespace nw::ops
