#include "core/ops/shape.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// `sizes` with a −1 replaced by what is left of `count` elements.
Dims resolved(const Dims& sizes, int64_t count) {
  Dims out = sizes;
  int64_t known = 1;
  int open = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      NW_CHECK(open < 0, "[reshape] only one size may be -1, gets ", to_string(sizes));
      open = static_cast<int>(i);
    } else {
      known *= sizes[i];
    }
  }
  if (open >= 0) {
    NW_CHECK(known > 0 && count % known == 0, "[reshape] cannot split ", count,
             " elements into sizes ", to_string(sizes));
    out[static_cast<size_t>(open)] = count / known;
  }
  NW_CHECK(numel(out) == count, "[reshape] cannot give ", count, " elements the sizes ",
           to_string(sizes));
  return out;
}

Tensor reshaped(const Tensor& x, const Dims& sizes, std::string_view name) {
  const Tensor out = view_dense(raw::contiguous(x), sizes);
  if (needs_record(x)) {
    record(name, out, std::array{x}, std::array<Tensor, 0>{},
           [x_sizes = x.sizes()](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                 const auto&) {
             grad_inputs[0] = view_dense(raw::contiguous(grads[0]), x_sizes);
           });
  }
  return out;
}

Tensor exchanged(const Tensor& x, size_t a, size_t b) {
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  std::swap(sizes[a], sizes[b]);
  std::swap(strides[a], strides[b]);
  return x.as_strided(sizes, strides, x.offset());
}

}  // namespace

Tensor reshape(const Tensor& x, const Dims& sizes) {
  return reshaped(x, resolved(sizes, x.numel()), "reshape");
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const auto start = static_cast<size_t>(wrap_dim(start_dim, x.dim(), "Flatten"));
  const auto end = static_cast<size_t>(wrap_dim(end_dim, x.dim(), "Flatten"));
  if (x.dim() == 0) return reshaped(x, Dims{int64_t{1}}, "Flatten");
  NW_CHECK(start <= end, "[Flatten] start_dim (", start_dim, ") comes after end_dim (", end_dim,
           ") in a tensor of ", x.dim(), " dimensions");
  const Dims& old = x.sizes();
  Dims sizes(old.begin(), old.begin() + start + 1);
  for (size_t i = start + 1; i <= end; ++i) sizes.back() *= old[i];
  for (size_t i = end + 1; i < old.size(); ++i) sizes.push_back(old[i]);
  return reshaped(x, sizes, "Flatten");
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const auto a = static_cast<size_t>(wrap_dim(dim0, x.dim(), "transpose"));
  const auto b = static_cast<size_t>(wrap_dim(dim1, x.dim(), "transpose"));
  if (x.dim() == 0) return reshaped(x, x.sizes(), "transpose");
  const Tensor out = exchanged(x, a, b);
  if (needs_record(x)) {
    record("transpose", out, std::array{x}, std::array<Tensor, 0>{},
           [a, b](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = exchanged(grads[0], a, b);
           });
  }
  return out;
}

Tensor expand(const Tensor& x, const Dims& sizes) {
  const Tensor repeated = raw::expand(x, sizes);
  const Tensor out = repeated.is_same(x) ? x.detach() : repeated;
  if (needs_record(x)) {
    record("expand", out, std::array{x}, std::array<Tensor, 0>{},
           [x_sizes = x.sizes()](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                 const auto&) { grad_inputs[0] = sum_to(grads[0], x_sizes); });
  }
  return out;
}

}  // namespace nw::ops
