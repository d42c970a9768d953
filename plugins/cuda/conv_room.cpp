#include "plugins/cuda/conv_room.h"

#include <algorithm>

#include "core/backend/creation.h"

namespace nw::cuda {
namespace {

Tensor part(const Tensor& whole, const Dims& begin, const Dims& lengths) {
  int64_t offset = whole.offset();
  for (size_t d = 0; d < begin.size(); ++d) offset += begin[d] * whole.strides()[d];
  return whole.as_strided(lengths, whole.strides(), offset);
}

}  // namespace

std::optional<SpareRoom> SpareRoom::of(const Dims& x_sizes, const Dims& weight_sizes,
                                       const Dims& y_sizes, const Window& window) {
  SpareRoom room{window, x_sizes, x_sizes, Dims(x_sizes.size(), 0), Dims(x_sizes.size(), 0)};
  bool spare = false;
  for (size_t d = 2; d < x_sizes.size(); ++d) {
    const int64_t padding = window.padding[d - 2];
    const int64_t dilation = window.dilation.empty() ? 1 : window.dilation[d - 2];
    const int64_t span = (weight_sizes[d] - 1) * dilation + 1;
    const int64_t read = (y_sizes[d] - 1) * window.stride[d - 2] + span;  // from −padding on
    const int64_t left = x_sizes[d] + 2 * padding - read;
    if (left < 0 || y_sizes[d] == 0) return std::nullopt;
    spare = spare || left >= window.stride[d - 2];
    room.window.padding[d - 2] = 0;
    room.framed[d] = read;
    room.in_framed[d] = std::min(padding, read);
    room.lengths[d] = std::clamp<int64_t>(read - padding, 0, x_sizes[d]);
  }
  return spare ? std::optional(room) : std::nullopt;
}

Tensor SpareRoom::frame(const Tensor& x) const {
  const Tensor out = zeros(framed, x.dtype(), x.device());
  if (numel(lengths) > 0) raw::copy_(part(out, in_framed, lengths), part(x, in_x, lengths));
  return out;
}

void SpareRoom::unframe(const Tensor& grad, const Tensor& grad_x) const {
  raw::fill_(grad_x, Scalar(0.0));
  if (numel(lengths) > 0) raw::copy_(part(grad_x, in_x, lengths), part(grad, in_framed, lengths));
}

}  // namespace nw::cuda
