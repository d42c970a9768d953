#pragma once

#include <optional>
#include <utility>

#include "core/autograd/record.h"
#include "core/autograd/view.h"

/// What the ops that give views share.
namespace nw::ops {

/// Records `out`, made of x alone, with a backward that turns the gradient of out into that of x.
template <typename Backward>
void record_one(std::string_view name, const Tensor& out, const Tensor& x, Backward backward) {
  if (!autograd::needs_record(x)) return;
  autograd::record(name, out, std::array{x}, std::array<Tensor, 0>{},
                   [backward = std::move(backward)](const autograd::Node&, const Tensors& grads,
                                                    Tensors& grad_inputs, const auto&) {
                     grad_inputs[0] = backward(grads[0]);
                   });
}

/// How numbers are seen in memory.
struct Geometry {
  Dims sizes;
  Dims strides;
  int64_t offset = 0;
};

inline Geometry geometry_of(const Tensor& x) {
  return {x.sizes(), x.strides(), x.offset()};
}
inline Tensor seen_as(const Tensor& x, const Geometry& geometry) {
  return x.as_strided(geometry.sizes, geometry.strides, geometry.offset);
}

/// The numbers of x seen in another way, followed as a view of x and recorded with its backward:
/// the gradient of the view to that of x.
template <typename Backward>
Tensor view_of(std::string_view name, const Tensor& x, const Geometry& geometry,
               Backward backward) {
  const Tensor view = seen_as(x, geometry);
  autograd::track_view(view, x);
  record_one(name, view, x, std::move(backward));
  return view;
}

/// Zeros of `sizes` with `grad` put in where `place` says.
Tensor put_into_zeros(const Tensor& grad, const Dims& sizes, const Geometry& place);

/// A view of a part of x: `cut` makes the part's geometry of the whole's.
template <typename Cut>
Tensor part_of(std::string_view name, const Tensor& x, const Cut& cut) {
  const Geometry dense = cut(Geometry{x.sizes(), contiguous_strides(x.sizes()), 0});
  return view_of(name, x, cut(geometry_of(x)), [dense, sizes = x.sizes()](const Tensor& grad) {
    return put_into_zeros(grad, sizes, dense);
  });
}

/// The strides that let x's numbers be seen with `sizes` in the same order; none where that takes a
/// copy.
std::optional<Dims> view_strides(const Tensor& x, const Dims& sizes);
/// x with `sizes`, as a view or else of a copy. Without history.
Tensor reshaped(const Tensor& x, const Dims& sizes);

}  // namespace nw::ops
