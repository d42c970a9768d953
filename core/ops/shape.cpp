#include "core/ops/shape.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/view_of.h"

namespace nw::ops {
namespace {

/// `sizes` with a −1 replaced by what is left of `count` elements.
Dims resolved(const Dims& sizes, int64_t count, std::string_view op) {
  Dims out = sizes;
  int64_t known = 1;
  int open = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      NW_CHECK(open < 0, "[", op, "] only one size may be -1, gets ", to_string(sizes));
      open = static_cast<int>(i);
    } else {
      known *= sizes[i];
    }
  }
  if (open >= 0) {
    NW_CHECK(known > 0 && count % known == 0, "[", op, "] cannot split ", count,
             " elements into sizes ", to_string(sizes));
    out[static_cast<size_t>(open)] = count / known;
  }
  NW_CHECK(numel(out) == count, "[", op, "] cannot give ", count, " elements the sizes ",
           to_string(sizes));
  return out;
}

/// A view with history where the strides allow one, else a recorded copy.
Tensor with_sizes(const Tensor& x, const Dims& sizes, std::string_view name) {
  const auto back = [x_sizes = x.sizes()](const Tensor& grad) { return reshaped(grad, x_sizes); };
  if (const auto strides = view_strides(x, sizes)) {
    return view_of(name, x, {sizes, *strides, x.offset()}, back);
  }
  const Tensor out = view_dense(raw::clone(x), sizes);
  record_one(name, out, x, back);
  return out;
}

Tensor permuted(const Tensor& x, const Dims& order) {
  Dims sizes, strides;
  for (const int64_t d : order) {
    sizes.push_back(x.sizes()[static_cast<size_t>(d)]);
    strides.push_back(x.strides()[static_cast<size_t>(d)]);
  }
  return x.as_strided(sizes, strides, x.offset());
}

Tensor permute_as(std::string_view name, const Tensor& x, const Dims& order) {
  Dims back(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  return view_of(name, x, geometry_of(permuted(x, order)),
                 [back](const Tensor& grad) { return permuted(grad, back); });
}

/// `dims` made positive; throws Error when one comes twice.
Dims wrapped(const Dims& dims, int64_t rank, std::string_view op) {
  Dims out;
  for (const int64_t dim : dims) {
    const int64_t d = wrap_dim(dim, rank, op);
    NW_CHECK(std::find(out.begin(), out.end(), d) == out.end(), "[", op, "] dimension ", dim,
             " is named twice");
    out.push_back(d);
  }
  return out;
}

Dims in_order(int64_t rank) {
  Dims order;
  for (int64_t i = 0; i < rank; ++i) order.push_back(i);
  return order;
}

Tensor copy_with_strides(const Tensor& x, const Dims& strides, std::string_view name) {
  const Tensor out = empty(x.sizes(), x.dtype(), x.device()).as_strided(x.sizes(), strides, 0);
  kernels_of(x).copy(x, out);
  record_one(name, out, x, [](const Tensor& grad) { return grad; });
  return out;
}

}  // namespace

Tensor reshape(const Tensor& x, const Dims& sizes) {
  return with_sizes(x, resolved(sizes, x.numel(), "reshape"), "reshape");
}

Tensor view(const Tensor& x, const Dims& sizes) {
  const Dims wanted = resolved(sizes, x.numel(), "view");
  NW_CHECK(view_strides(x, wanted), "[view] the sizes ", to_string(wanted), " do not suit ",
           describe(x), " with strides ", to_string(x.strides()), "; reshape() makes a copy");
  return with_sizes(x, wanted, "view");
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const auto start = static_cast<size_t>(wrap_dim(start_dim, x.dim(), "Flatten"));
  const auto end = static_cast<size_t>(wrap_dim(end_dim, x.dim(), "Flatten"));
  if (x.dim() == 0) return with_sizes(x, Dims{int64_t{1}}, "Flatten");
  NW_CHECK(start <= end, "[Flatten] start_dim (", start_dim, ") comes after end_dim (", end_dim,
           ") in a tensor of ", x.dim(), " dimensions");
  const Dims& old = x.sizes();
  Dims sizes(old.begin(), old.begin() + start + 1);
  for (size_t i = start + 1; i <= end; ++i) sizes.back() *= old[i];
  for (size_t i = end + 1; i < old.size(); ++i) sizes.push_back(old[i]);
  return with_sizes(x, sizes, "Flatten");
}

Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes) {
  const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), "Unflatten"));
  NW_CHECK(x.dim() > 0, "[Unflatten] expects at least one dimension, gets a scalar");
  NW_CHECK(!sizes.empty(), "[Unflatten] expects at least one size");
  const Dims parts = resolved(sizes, x.sizes()[d], "Unflatten");
  Dims all(x.sizes().begin(), x.sizes().begin() + d);
  for (const int64_t size : parts) all.push_back(size);
  for (size_t i = d + 1; i < x.sizes().size(); ++i) all.push_back(x.sizes()[i]);
  return with_sizes(x, all, "Unflatten");
}

Tensor squeeze(const Tensor& x) {
  Geometry kept{{}, {}, x.offset()};
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    if (x.sizes()[i] == 1) continue;
    kept.sizes.push_back(x.sizes()[i]);
    kept.strides.push_back(x.strides()[i]);
  }
  return view_of("squeeze", x, kept,
                 [sizes = x.sizes()](const Tensor& grad) { return reshaped(grad, sizes); });
}

Tensor squeeze(const Tensor& x, int64_t dim) {
  const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), "squeeze"));
  Geometry kept = geometry_of(x);
  if (x.dim() > 0 && x.sizes()[d] == 1) {
    kept.sizes.erase(d);
    kept.strides.erase(d);
  }
  return view_of("squeeze", x, kept,
                 [sizes = x.sizes()](const Tensor& grad) { return reshaped(grad, sizes); });
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const auto d = static_cast<size_t>(wrap_dim(dim, x.dim() + 1, "unsqueeze"));
  Geometry more = geometry_of(x);
  const bool last = d == more.sizes.size();
  more.strides.insert(d, last ? 1 : more.sizes[d] * more.strides[d]);
  more.sizes.insert(d, 1);
  return view_of("unsqueeze", x, more,
                 [sizes = x.sizes()](const Tensor& grad) { return reshaped(grad, sizes); });
}

Tensor permute(const Tensor& x, const Dims& dims) {
  NW_CHECK(static_cast<int64_t>(dims.size()) == x.dim(), "[permute] expects ", x.dim(),
           " dimensions, gets ", dims.size());
  return permute_as("permute", x, wrapped(dims, x.dim(), "permute"));
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const auto a = static_cast<size_t>(wrap_dim(dim0, x.dim(), "transpose"));
  const auto b = static_cast<size_t>(wrap_dim(dim1, x.dim(), "transpose"));
  Dims order = in_order(x.dim());
  if (x.dim() > 0) std::swap(order[a], order[b]);
  return permute_as("transpose", x, order);
}

Tensor t(const Tensor& x) {
  NW_CHECK(x.dim() <= 2, "[t] expects at most 2 dimensions, gets ", x.dim());
  return x.dim() == 2 ? transpose(x, 0, 1) : permute_as("t", x, in_order(x.dim()));
}

Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination) {
  NW_CHECK(source.size() == destination.size(), "[movedim] ", source.size(),
           " dimensions cannot go to ", destination.size(), " places");
  const Dims from = wrapped(source, x.dim(), "movedim");
  const Dims to = wrapped(destination, x.dim(), "movedim");
  if (x.dim() == 0) return permute_as("movedim", x, {});
  Dims order(x.sizes().size(), -1);
  for (size_t i = 0; i < from.size(); ++i) order[static_cast<size_t>(to[i])] = from[i];
  int64_t next = 0;
  for (int64_t& place : order) {
    if (place >= 0) continue;
    while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
    place = next++;
  }
  return permute_as("movedim", x, order);
}

Tensor expand(const Tensor& x, const Dims& sizes) {
  NW_CHECK(sizes.size() >= x.sizes().size(), "[expand] ", to_string(x.sizes()),
           " has more dimensions than ", to_string(sizes));
  Dims wanted = sizes;
  const size_t added = sizes.size() - x.sizes().size();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] != -1) continue;
    NW_CHECK(i >= added, "[expand] a new dimension cannot have the size -1");
    wanted[i] = x.sizes()[i - added];
  }
  return view_of("expand", x, geometry_of(raw::expand(x, wanted)),
                 [x_sizes = x.sizes()](const Tensor& grad) { return sum_to(grad, x_sizes); });
}

Tensor clone(const Tensor& x) {
  const bool keeps = is_dense_any_order(x.sizes(), x.strides());
  return copy_with_strides(x, keeps ? x.strides() : contiguous_strides(x.sizes()), "clone");
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  return copy_with_strides(x, contiguous_strides(x.sizes()), "contiguous");
}

Tensor channels_last(const Tensor& x) {
  NW_CHECK(x.dim() == 4 || x.dim() == 5, "[channels_last] expects 4 or 5 dimensions, gets ",
           describe(x));
  if (x.is_channels_last()) return x;
  return copy_with_strides(x, channels_last_strides(x.sizes()), "channels_last");
}

}  // namespace nw::ops
