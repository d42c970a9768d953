#include "core/ops/slice.h"

#include <algorithm>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/view_of.h"

namespace nw::ops {
namespace {

size_t dim_of(const Tensor& x, int64_t dim, std::string_view op) {
  NW_CHECK(x.dim() > 0, "[", op, "] expects at least one dimension, gets a scalar");
  return static_cast<size_t>(wrap_dim(dim, x.dim(), op));
}

/// `length` elements of a dimension from `start`, `step` apart.
Geometry cut(Geometry whole, size_t dim, int64_t start, int64_t length, int64_t step = 1) {
  whole.offset += start * whole.strides[dim];
  whole.sizes[dim] = length;
  whole.strides[dim] *= step;
  return whole;
}

Geometry without(Geometry whole, size_t dim, int64_t index) {
  whole.offset += index * whole.strides[dim];
  whole.sizes.erase(dim);
  whole.strides.erase(dim);
  return whole;
}

/// Several views of x that one node takes together: part i is parts[i] of any geometry of x.
template <typename Cut>
Tensors parts_of(std::string_view name, const Tensor& x, size_t count, const Cut& part) {
  Tensors views;
  for (size_t i = 0; i < count; ++i) {
    views.push_back(seen_as(x, part(geometry_of(x), i)));
    autograd::track_view(views.back(), x, ViewKind::OneOfMany);
  }
  if (!autograd::needs_record(x)) return views;
  autograd::record(name, views, std::array{x}, std::array<Tensor, 0>{},
                   [part, sizes = x.sizes()](const autograd::Node&, const Tensors& grads,
                                             Tensors& grad_inputs, const Tensors&) {
                     const auto known =
                         std::find_if(grads.begin(), grads.end(),
                                      [](const Tensor& grad) { return grad.defined(); });
                     const Tensor whole = empty(sizes, known->dtype(), known->device());
                     for (size_t i = 0; i < grads.size(); ++i) {
                       const Tensor target = seen_as(whole, part(geometry_of(whole), i));
                       if (grads[i].defined()) {
                         kernels_of(whole).copy(grads[i], target);
                       } else {
                         kernels_of(whole).fill(target, 0);
                       }
                     }
                     grad_inputs[0] = whole;
                   });
  return views;
}

/// The gradient of unfold(): windows may overlap, what falls on one element is added up.
Tensor folded(const Tensor& grad, const Dims& sizes, size_t dim, int64_t size, int64_t step) {
  const Tensor whole = zeros(sizes, grad.dtype(), grad.device());
  const int64_t count = grad.sizes()[dim];
  if (count == 0) return whole;
  const size_t last = grad.sizes().size() - 1;
  for (int64_t i = 0; i < size; ++i) {
    // The i-th elements of all windows fall on different places.
    const Tensor target = seen_as(whole, cut(geometry_of(whole), dim, i, count, step));
    const Tensor part = seen_as(grad, without(geometry_of(grad), last, i));
    const Tensor sum = new_result(target.sizes(), target);
    kernels_of(whole).binary(BinaryOp::Add, target, part, sum);
    kernels_of(whole).copy(sum, target);
  }
  return whole;
}

}  // namespace

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  const size_t d = dim_of(x, dim, "narrow");
  const int64_t size = x.sizes()[d];
  NW_CHECK(length >= 0, "[narrow] length must be at least 0, is ", length);
  const int64_t least = -std::max<int64_t>(size, 1);  // −1 where there is nothing, as torch has it
  NW_CHECK(start >= least && start <= size, "[narrow] start ", start, " is outside ", least, " … ",
           size);
  const int64_t first = start < 0 ? start - least : start;
  NW_CHECK(first + length <= size, "[narrow] elements ", first, " … ", first + length - 1,
           " leave a dimension of ", size);
  return part_of("narrow", x, [=](const Geometry& g) { return cut(g, d, first, length); });
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const size_t d = dim_of(x, dim, "select");
  const int64_t size = x.sizes()[d];
  NW_CHECK(index >= -size && index < size, "[select] index ", index, " is outside ", -size, " … ",
           size - 1, " of dimension ", dim);
  const int64_t i = index < 0 ? index + size : index;
  return part_of("select", x, [=](const Geometry& g) { return without(g, d, i); });
}

Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step) {
  const size_t d = dim_of(x, dim, "slice");
  NW_CHECK(step > 0, "[slice] step must be positive, is ", step);
  const int64_t size = x.sizes()[d];
  const auto clipped = [size](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const int64_t first = clipped(start.value_or(0));
  const int64_t last = std::max(clipped(end.value_or(size)), first);
  const int64_t length = (last - first + step - 1) / step;
  return part_of("slice", x, [=](const Geometry& g) { return cut(g, d, first, length, step); });
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const size_t a = dim_of(x, dim1, "diagonal");
  const size_t b = dim_of(x, dim2, "diagonal");
  NW_CHECK(a != b, "[diagonal] expects two different dimensions, gets ", dim1, " and ", dim2);
  const int64_t rows = x.sizes()[a] - std::max<int64_t>(-offset, 0);
  const int64_t columns = x.sizes()[b] - std::max<int64_t>(offset, 0);
  const int64_t length = std::max<int64_t>(std::min(rows, columns), 0);
  return part_of("diagonal", x, [=](Geometry g) {
    const int64_t stride = g.strides[a] + g.strides[b];
    if (length > 0) g.offset += offset > 0 ? offset * g.strides[b] : -offset * g.strides[a];
    for (const size_t d : {std::max(a, b), std::min(a, b)}) {
      g.sizes.erase(d);
      g.strides.erase(d);
    }
    g.sizes.push_back(length);
    g.strides.push_back(stride);
    return g;
  });
}

Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  const size_t d = dim_of(x, dim, "unfold");
  const int64_t length = x.sizes()[d];
  NW_CHECK(size >= 0 && size <= length, "[unfold] a window of ", size,
           " does not fit into a dimension of ", length);
  NW_CHECK(step > 0, "[unfold] step must be positive, is ", step);
  Geometry windows = cut(geometry_of(x), d, 0, (length - size) / step + 1, step);
  windows.sizes.push_back(size);
  windows.strides.push_back(x.strides()[d]);
  return view_of("unfold", x, windows, [=, sizes = x.sizes()](const Tensor& grad) {
    return folded(grad, sizes, d, size, step);
  });
}

Tensors split(const Tensor& x, int64_t size, int64_t dim) {
  const size_t d = dim_of(x, dim, "split");
  const int64_t length = x.sizes()[d];
  NW_CHECK(size > 0 || (size == 0 && length == 0), "[split] size must be positive, is ", size);
  const int64_t count = size == 0 ? 1 : std::max<int64_t>((length + size - 1) / size, 1);
  return parts_of("split", x, static_cast<size_t>(count), [=](const Geometry& g, size_t i) {
    const int64_t first = static_cast<int64_t>(i) * size;
    return cut(g, d, first, std::min(size, length - first));
  });
}

Tensors split_with_sizes(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim) {
  const size_t d = dim_of(x, dim, "split");
  std::vector<int64_t> starts{0};
  for (const int64_t size : sizes) {
    NW_CHECK(size >= 0, "[split] sizes must be at least 0, gets ", size);
    starts.push_back(starts.back() + size);
  }
  NW_CHECK(starts.back() == x.sizes()[d], "[split] sizes that add up to ", starts.back(),
           " do not suit a dimension of ", x.sizes()[d]);
  return parts_of("split", x, sizes.size(), [=](const Geometry& g, size_t i) {
    return cut(g, d, starts[i], starts[i + 1] - starts[i]);
  });
}

Tensors chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  const size_t d = dim_of(x, dim, "chunk");
  NW_CHECK(chunks > 0, "[chunk] expects at least 1 chunk, gets ", chunks);
  const int64_t length = x.sizes()[d];
  if (length == 0) {
    return split_with_sizes(x, std::vector<int64_t>(static_cast<size_t>(chunks), 0), dim);
  }
  return split(x, (length + chunks - 1) / chunks, dim);
}

Tensors unbind(const Tensor& x, int64_t dim) {
  const size_t d = dim_of(x, dim, "unbind");
  return parts_of("unbind", x, static_cast<size_t>(x.sizes()[d]), [=](const Geometry& g, size_t i) {
    return without(g, d, static_cast<int64_t>(i));
  });
}

}  // namespace nw::ops
