#include "core/ops/join.h"

#include <algorithm>
#include <vector>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/view_of.h"

namespace nw::ops {
namespace {

/// Which torch.cat passes over whatever the others are: its old way to start from nothing.
bool is_nothing(const Tensor& x) {
  return x.dim() == 1 && x.numel() == 0;
}

/// Where each tensor goes, and what they make.
struct Joint {
  Dims sizes;
  DType dtype;
  std::vector<int64_t> starts;
  bool channels_last = true;
};

Joint joint_of(std::span<const Tensor> tensors, int64_t dim, size_t& d) {
  NW_CHECK(!tensors.empty(), "[cat] expects at least one tensor");
  const Tensor* first = nullptr;
  for (const Tensor& x : tensors) {
    NW_CHECK(x.defined(), "[cat] expects tensors, gets an undefined one");
    NW_CHECK(x.dim() > 0, "[cat] expects at least one dimension, gets a scalar; stack() takes it");
    check_device(tensors.front(), x, "cat");
    if (first == nullptr && !is_nothing(x)) first = &x;
  }
  if (first == nullptr) first = &tensors.front();
  const bool all_nothing = is_nothing(*first);
  d = all_nothing ? 0 : static_cast<size_t>(wrap_dim(dim, first->dim(), "cat"));
  Joint joint{first->sizes(), tensors.front().dtype(), {}};
  joint.sizes[d] = 0;
  for (const Tensor& x : tensors) {
    joint.dtype = promote_types(joint.dtype, x.dtype());
    joint.starts.push_back(joint.sizes[d]);
    if (is_nothing(x)) continue;
    bool fits = x.dim() == first->dim();
    for (size_t i = 0; fits && i < x.sizes().size(); ++i) {
      fits = i == d || x.sizes()[i] == first->sizes()[i];
    }
    NW_CHECK(fits, "[cat] expects sizes that are equal but for dimension ", dim, ", gets ",
             to_string(first->sizes()), " and ", to_string(x.sizes()));
    joint.sizes[d] += x.sizes()[d];
    joint.channels_last =
        joint.channels_last && !x.is_contiguous() && x.dim() >= 4 && x.is_channels_last();
  }
  return joint;
}

Tensor part(const Tensor& whole, size_t dim, int64_t start, int64_t length) {
  Dims sizes = whole.sizes();
  sizes[dim] = length;
  return whole.as_strided(sizes, whole.strides(), whole.offset() + start * whole.strides()[dim]);
}

}  // namespace

Tensor cat(std::span<const Tensor> tensors, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kWidestOnCpu, cat, tensors, dim)) return *cast;
  size_t d = 0;
  const Joint joint = joint_of(tensors, dim, d);
  Tensor out = empty(joint.sizes, joint.dtype, tensors.front().device());
  if (joint.channels_last && out.dim() >= 4) {
    out = out.as_strided(joint.sizes, channels_last_strides(joint.sizes), 0);
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].numel() == 0) continue;
    kernels_of(out).copy(tensors[i], part(out, d, joint.starts[i], tensors[i].sizes()[d]));
  }
  if (!autograd::needs_record(tensors)) return out;
  struct Origin {
    Dims sizes;
    DType dtype;
    int64_t start;
  };
  std::vector<Origin> origins;
  for (size_t i = 0; i < tensors.size(); ++i) {
    origins.push_back({tensors[i].sizes(), tensors[i].dtype(), joint.starts[i]});
  }
  autograd::record("cat", std::array{out}, tensors, Tensors(),
                   [d, origins](const autograd::Node& node, const Tensors& grads,
                                Tensors& grad_inputs, const Tensors&) {
                     const Tensor& grad = grads[0];
                     for (size_t i = 0; i < origins.size(); ++i) {
                       if (!node.needs_grad(i)) continue;
                       const Origin& to = origins[i];
                       const bool nothing = to.sizes.size() == 1 && to.sizes[0] == 0;
                       grad_inputs[i] =
                           nothing ? empty(to.sizes, to.dtype, grad.device())
                                   : raw::to(part(grad, d, to.start, to.sizes[d]), to.dtype);
                     }
                   });
  return out;
}

Tensor stack(std::span<const Tensor> tensors, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kWidestOnCpu, stack, tensors, dim)) return *cast;
  NW_CHECK(!tensors.empty(), "[stack] expects at least one tensor");
  Tensors layers;
  for (const Tensor& x : tensors) {
    NW_CHECK(x.defined() && x.sizes() == tensors.front().sizes(), "[stack] expects tensors of one ",
             "size, gets ", describe(tensors.front()), " and ", describe(x));
    layers.push_back(unsqueeze(x, dim));
  }
  return cat(layers, wrap_dim(dim, tensors.front().dim() + 1, "stack"));
}

namespace {

/// Each dimension as (count, size); counts of 1 take no dimension of their own.
struct Repetition {
  Dims apart;   // of the result
  Dims single;  // the same with counts of 1: of what is repeated
  Dims sizes;   // the result's own

  Repetition(const Dims& x_sizes, const Dims& counts) {
    const size_t added = counts.size() - x_sizes.size();
    for (size_t i = 0; i < counts.size(); ++i) {
      NW_CHECK(counts[i] >= 0, "[repeat] counts must be at least 0, gets ", counts[i]);
      const int64_t size = i < added ? 1 : x_sizes[i - added];
      if (counts[i] != 1) {
        apart.push_back(counts[i]);
        single.push_back(1);
      }
      apart.push_back(size);
      single.push_back(size);
      sizes.push_back(counts[i] * size);
    }
  }
};

/// The same where dimensions and counts together are more than a tensor may have: the innermost
/// count first, then the others.
Tensor repeat_in_turn(const Tensor& x, const Dims& counts, size_t repeated) {
  Dims rest = counts;
  size_t last = counts.size() - 1;
  while (counts[last] == 1) --last;
  rest[last] = 1;
  const Dims& sizes = x.sizes();
  const size_t added = counts.size() - sizes.size();
  if (last < added) {  // only new dimensions are left to repeat
    Dims whole = counts;
    for (size_t i = added; i < counts.size(); ++i) whole[i] = sizes[i - added];
    return clone(expand(x, whole));
  }
  // All before the dimension, it, all after it.
  Dims three{1, sizes[last - added], 1};
  for (size_t i = 0; i < last - added; ++i) three[0] *= sizes[i];
  for (size_t i = last - added + 1; i < sizes.size(); ++i) three[2] *= sizes[i];
  Dims all = sizes;
  all[last - added] *= counts[last];
  const Tensor one = reshape(repeat(reshape(x, three), {1, counts[last], 1}), all);
  return repeated > 1 || added > 0 ? repeat(one, rest) : one;
}

}  // namespace

Tensor repeat(const Tensor& x, const Dims& counts) {
  NW_CHECK(counts.size() >= x.sizes().size(), "[repeat] expects at least ", x.dim(),
           " counts, gets ", counts.size());
  const auto repeated = static_cast<size_t>(
      std::count_if(counts.begin(), counts.end(), [](int64_t count) { return count != 1; }));
  if (counts.size() + repeated > kMaxDims) return repeat_in_turn(x, counts, repeated);
  const Repetition plan(x.sizes(), counts);
  const Tensor out = new_result(plan.sizes, x);
  if (out.numel() > 0) {
    kernels_of(x).copy(raw::expand(reshaped(x, plan.single), plan.apart),
                       view_dense(out, plan.apart));
  }
  record_one("repeat", out, x, [plan, sizes = x.sizes()](const Tensor& grad) {
    return view_dense(sum_to(view_dense(raw::contiguous(grad), plan.apart), plan.single), sizes);
  });
  return out;
}

Tensor tile(const Tensor& x, const Dims& counts) {
  Dims all = counts;
  while (all.size() < x.sizes().size()) all.insert(0, 1);
  return repeat(x, all);
}

Tensor repeat_interleave(const Tensor& x, int64_t count, std::optional<int64_t> dim) {
  NW_CHECK(count >= 0, "[repeat_interleave] the count must be at least 0, is ", count);
  if (!dim) return repeat_interleave(reshape(x, {-1}), count, 0);
  const Tensor from = x.dim() == 0 ? reshape(x, {1}) : x;
  const auto d = static_cast<size_t>(wrap_dim(*dim, from.dim(), "repeat_interleave"));
  Dims repeated = from.sizes();
  repeated.insert(d + 1, count);
  Dims sizes = from.sizes();
  sizes[d] *= count;
  const Tensor one = unsqueeze(from, static_cast<int64_t>(d) + 1);
  const Tensor out = reshape(expand(one, repeated), sizes);
  return out.storage() == x.storage() ? clone(out) : out;
}

Tensor repeat_interleave(const Tensor& x, const Tensor& counts, std::optional<int64_t> dim) {
  if (!dim) return repeat_interleave(reshape(x, {-1}), counts, 0);
  NW_CHECK(counts.dim() <= 1 && (counts.dtype() == DType::Int64 || counts.dtype() == DType::Int32),
           "[repeat_interleave] expects counts as a vector of int64, gets ", describe(counts));
  if (counts.numel() == 1) {
    return repeat_interleave(x, static_cast<int64_t>(raw::to(counts, kCpu).item()), dim);
  }
  const Tensor from = x.dim() == 0 ? reshape(x, {1}) : x;
  const int64_t size = from.size(*dim);
  NW_CHECK(counts.numel() == size, "[repeat_interleave] expects ", size, " counts, gets ",
           counts.numel());
  NW_CHECK(counts.device().type != DeviceType::Meta,
           "[repeat_interleave] counts without numbers (meta) leave the size unknown");
  const Tensor known = raw::contiguous(raw::to(raw::to(counts, DType::Int64), kCpu));
  std::vector<int64_t> order;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t times = known.data<int64_t>()[i];
    NW_CHECK(times >= 0, "[repeat_interleave] counts must be at least 0, gets ", times);
    order.insert(order.end(), static_cast<size_t>(times), i);
  }
  const Tensor index = tensor_of<int64_t>(order, Dims{static_cast<int64_t>(order.size())});
  return index_select(from, *dim, raw::to(index, x.device()));
}

Tensor flip(const Tensor& x, const Dims& dims) {
  Tensor out = x;
  SmallVector<bool, kMaxDims> seen(x.sizes().size(), false);
  for (const int64_t dim : dims) {
    const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), "flip"));
    if (x.dim() == 0) continue;
    NW_CHECK(!seen[d], "[flip] dimension ", dim, " is named twice");
    seen[d] = true;
    std::vector<int64_t> order(static_cast<size_t>(x.sizes()[d]));
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(order.size() - 1 - i);
    const Tensor index = tensor_of<int64_t>(order, Dims{x.sizes()[d]});
    out = index_select(out, dim, raw::to(index, x.device()));
  }
  return out.is_same(x) ? clone(x) : out;
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  if (dims.empty() && shifts.size() == 1) {
    return reshape(roll(reshape(x, {-1}), shifts, {0}), x.sizes());
  }
  NW_CHECK(!shifts.empty() && shifts.size() == dims.size(), "[roll] expects a shift for each ",
           "dimension, gets ", shifts.size(), " for ", dims.size());
  Tensor out = x;
  for (size_t i = 0; i < dims.size(); ++i) {
    NW_CHECK(x.dim() > 0, "[roll] a scalar has no dimension ", dims[i]);
    const int64_t size = x.size(dims[i]);
    const int64_t shift = size == 0 ? 0 : ((shifts[i] % size) + size) % size;
    if (shift == 0) continue;
    out = cat(std::array{narrow(out, dims[i], size - shift, shift),
                         narrow(out, dims[i], 0, size - shift)},
              dims[i]);
  }
  return out.is_same(x) ? clone(x) : out;
}

Tensor cartesian_prod(std::span<const Tensor> vectors) {
  for (const Tensor& vector : vectors) {
    NW_CHECK(vector.dim() == 1, "[cartesian_prod] expects vectors, gets ", describe(vector));
  }
  if (vectors.size() == 1) return vectors[0];
  Tensors columns;
  for (const Tensor& grid : meshgrid(vectors)) columns.push_back(reshape(grid, {-1}));
  return stack(std::vector<Tensor>(columns.begin(), columns.end()), 1);
}

Tensors meshgrid(std::span<const Tensor> vectors, GridIndexing indexing) {
  NW_CHECK(!vectors.empty(), "[meshgrid] expects at least one vector");
  std::vector<Tensor> ordered(vectors.begin(), vectors.end());
  const bool swaps = indexing == GridIndexing::CartesianXy && ordered.size() >= 2;
  if (swaps) std::swap(ordered[0], ordered[1]);
  Dims sizes;
  for (const Tensor& vector : ordered) {
    NW_CHECK(vector.dim() <= 1, "[meshgrid] expects vectors, gets ", describe(vector));
    NW_CHECK(vector.dtype() == ordered[0].dtype(), "[meshgrid] expects vectors of one dtype, gets ",
             describe(ordered[0]), " and ", describe(vector));
    sizes.push_back(vector.numel());
  }
  Tensors grids;
  for (size_t i = 0; i < ordered.size(); ++i) {
    Dims own(sizes.size(), 1);
    own[i] = sizes[i];
    grids.push_back(expand(reshape(ordered[i], own), sizes));
  }
  if (!swaps) return grids;
  std::swap(grids[0], grids[1]);
  return grids;
}

}  // namespace nw::ops
