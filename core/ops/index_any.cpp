#include <algorithm>

#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/index_checks.h"
#include "core/ops/shape.h"
#include "core/ops/view_of.h"

// Indexing by several tensors at once, some of them maybe masks.
namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;

const IndexKernels& index_kernels(const Tensor& x) {
  return *kernels_of(x).index;
}

bool is_mask(const Tensor& index) {
  return index.dtype() == DType::Bool || index.dtype() == DType::UInt8;
}

/// Which elements several index tensors name, whatever tensor of x's sizes they are taken from.
struct Selection {
  Dims x_sizes;
  SmallVector<size_t, kMaxDims> indexed;  // dimensions with an index
  Tensors indices;                        // for these: dense int64 of `common` sizes
  Dims common;
  size_t place;  // how many of the other dimensions stand before the common ones in the result

  SmallVector<size_t, kMaxDims> others() const {
    SmallVector<size_t, kMaxDims> left;
    for (size_t d = 0; d < x_sizes.size(); ++d) {
      if (std::find(indexed.begin(), indexed.end(), d) == indexed.end()) left.push_back(d);
    }
    return left;
  }

  /// Sizes of what is named.
  Dims sizes() const {
    Dims all;
    const auto left = others();
    for (size_t i = 0; i <= left.size(); ++i) {
      if (i == place) {
        for (const int64_t size : common) all.push_back(size);
      }
      if (i < left.size()) all.push_back(x_sizes[left[i]]);
    }
    return all;
  }

  /// A dense tensor of sizes() as (n, the other dimensions…).
  Tensor listed(const Tensor& dense) const {
    const Dims strides = contiguous_strides(dense.sizes());
    Dims seen{numel(common)};
    Dims seen_strides{common.empty() ? 1 : strides[place + common.size() - 1]};
    const auto left = others();
    for (size_t i = 0; i < left.size(); ++i) {
      seen.push_back(x_sizes[left[i]]);
      seen_strides.push_back(strides[i < place ? i : i + common.size()]);
    }
    return dense.as_strided(seen, seen_strides, dense.offset());
  }

  /// The dimensions of `x` that no index stands for.
  Tensor rest(const Tensor& x) const {
    Geometry kept{{}, {}, x.offset()};
    for (const size_t d : others()) {
      kept.sizes.push_back(x_sizes[d]);
      kept.strides.push_back(x.strides()[d]);
    }
    return seen_as(x, kept);
  }

  /// How far behind x's first element each named one lies.
  Tensor offsets(const Tensor& x) const {
    Dims sizes, strides;
    for (const size_t d : indexed) {
      sizes.push_back(x_sizes[d]);
      strides.push_back(x.strides()[d]);
    }
    const Tensor out = empty(Dims{numel(common)}, DType::Int64, x.device());
    if (out.numel() > 0) index_kernels(x).offsets(indices, sizes, strides, out);
    return out;
  }

  Tensor take(const Tensor& x) const {
    const Tensor out = empty(sizes(), x.dtype(), x.device());
    const Tensor places = offsets(x);
    if (out.numel() > 0) index_kernels(x).take(rest(x), places, listed(out));
    return out;
  }

  /// Puts `values`, which broadcast to sizes(), into x.
  void put(const Tensor& values, PutMode mode, const Tensor& x) const {
    const Tensor places = offsets(x);
    const Tensor dense = raw::contiguous(raw::expand(values, sizes()));
    if (dense.numel() > 0) index_kernels(x).put(listed(dense), places, mode, rest(x));
  }
};

/// The columns of nonzero(mask), one index for each of its dimensions.
Tensors columns_of(const Tensor& mask) {
  NW_CHECK(mask.dim() > 0, "[index] expects a mask of at least one dimension, gets a scalar");
  const Tensor places = nonzero(mask);
  Tensors columns;
  for (int64_t d = 0; d < mask.dim(); ++d) {
    columns.push_back(places.as_strided({places.size(0)}, {mask.dim()}, d));
  }
  return columns;
}

/// An index for each dimension from the first on, masks turned into indices; undefined: all.
Tensors without_masks(const Tensor& x, const std::vector<Tensor>& indices) {
  Tensors plain;
  for (const Tensor& index : indices) {
    if (!index.defined()) {
      plain.push_back({});
      continue;
    }
    check_device(x, index, "index");
    if (!is_mask(index)) {
      NW_CHECK(index.dtype() == DType::Int64,
               "[index] expects indices of int64 or masks of bool, gets ", describe(index));
      plain.push_back(index);
      continue;
    }
    for (int64_t i = 0; i < index.dim(); ++i) {
      const int64_t d = static_cast<int64_t>(plain.size()) + i;
      NW_CHECK(d < x.dim() && x.size(d) == index.size(i), "[index] a mask of ",
               to_string(index.sizes()), " does not suit ", describe(x), " from dimension ",
               plain.size());
    }
    for (const Tensor& column : columns_of(index)) plain.push_back(column);
  }
  NW_CHECK(static_cast<int64_t>(plain.size()) <= x.dim(), "[index] ", plain.size(),
           " indices are too many for ", describe(x));
  return plain;
}

Selection selection(const Tensor& x, const std::vector<Tensor>& indices) {
  const Tensors plain = without_masks(x, indices);
  Selection made{x.sizes(), {}, {}, {}, 0};
  for (size_t d = 0; d < plain.size(); ++d) {
    if (!plain[d].defined()) continue;
    made.common = broadcast(made.common, plain[d].sizes(), "index");
    made.indexed.push_back(d);
  }
  NW_CHECK(!made.indexed.empty(), "[index] expects at least one index");
  for (const size_t d : made.indexed) {
    made.indices.push_back(raw::contiguous(raw::expand(plain[d], made.common)));
    NW_CHECK(x.sizes()[d] > 0 || numel(made.common) == 0, "[index] dimension ", d,
             " is empty: it has nothing to name");
  }
  const bool together = made.indexed.back() - made.indexed[0] + 1 == made.indexed.size();
  made.place = together ? made.indexed[0] : 0;
  return made;
}

/// A selection, with the values that are to be put there.
struct Put {
  Selection where;
  Tensor values;
  PutMode mode;
};

Put checked_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                Accumulate accumulate) {
  check_same_kind(x, values, "index_put");
  Put put{selection(x, indices), values,
          accumulate == Accumulate::Yes ? PutMode::Add : PutMode::Set};
  const Dims sizes = put.where.sizes();
  NW_CHECK(values.sizes().size() <= sizes.size() &&
               broadcast(values.sizes(), sizes, "index_put") == sizes,
           "[index_put] ", describe(values), " does not broadcast to the ", to_string(sizes),
           " that the indices name");
  return put;
}

auto put_backward(const Put& put) {
  return [where = put.where, mode = put.mode, sizes = put.values.sizes()](
             const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto&) {
    const Tensor& grad = grads[0];
    if (node.needs_grad(0)) {
      grad_inputs[0] = grad;
      if (mode == PutMode::Set) {
        grad_inputs[0] = raw::clone(grad);
        where.put(number_like(0, grad), PutMode::Set, grad_inputs[0]);
      }
    }
    if (node.needs_grad(1)) grad_inputs[1] = sum_to(where.take(grad), sizes);
  };
}

}  // namespace

Tensor index(const Tensor& x, const std::vector<Tensor>& indices) {
  const Selection where = selection(x, indices);
  const Tensor out = where.take(x);
  record_one("index", out, x, [where](const Tensor& grad) {
    const Tensor whole = zeros(where.x_sizes, grad.dtype(), grad.device());
    where.put(grad, PutMode::Add, whole);
    return whole;
  });
  return out;
}

Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 Accumulate accumulate) {
  if (const auto cast =
          autocast::run(autocast::kWidestOnGpu, index_put, x, indices, values, accumulate))
    return *cast;
  const Put put = checked_put(x, indices, values, accumulate);
  const Tensor out = raw::clone(x);
  put.where.put(values.detach(), put.mode, out);
  if (needs_record(x, values)) {
    autograd::record("index_put", out, std::array{x, values}, std::array<Tensor, 0>{},
                     put_backward(put));
  }
  return out;
}

Tensor index_put_(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                  Accumulate accumulate) {
  const Put put = checked_put(x, indices, values, accumulate);
  const bool recording = needs_record(x, values);
  autograd::check_in_place("index_put_", x, recording);
  put.where.put(values.detach(), put.mode, x);
  if (recording) {
    autograd::record_in_place("index_put_", std::array{x, values}, std::array<Tensor, 0>{},
                              put_backward(put));
  } else {
    x.storage()->bump_version();
  }
  return x;
}

}  // namespace nw::ops
