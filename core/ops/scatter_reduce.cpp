#include <array>
#include <cmath>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/promotion.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/sort.h"

namespace nw::ops {
namespace {

/// What changes nothing where it is combined with others.
Scalar neutral(Reduce reduce, DType dtype) {
  if (reduce == Reduce::Sum || reduce == Reduce::Mean) return 0;
  if (reduce == Reduce::Prod) return 1;
  const bool largest = reduce == Reduce::Amax;
  if (is_floating(dtype)) return largest ? -HUGE_VAL : HUGE_VAL;
  if (dtype == DType::UInt8) return largest ? 0 : 255;
  const int bits = static_cast<int>(8 * item_bytes(dtype)) - 1;
  const auto most = static_cast<int64_t>((uint64_t{1} << bits) - 1);
  return largest ? -most - 1 : most;
}

Tensor combined(Reduce reduce, const Tensor& a, const Tensor& b) {
  if (reduce == Reduce::Prod) return mul(a, b);
  return reduce == Reduce::Amax ? maximum(a, b) : minimum(a, b);
}

/// x with all that goes to one place combined there. Sorted by place, the elements of one place lie
/// side by side, and each takes in those before it at distances 1, 2, 4, …: the last one has all.
Tensor by_runs(Reduce reduce, const Tensor& x, int64_t dim, const Tensor& index,
               const Tensor& source) {
  const auto [places, order] = sort(index, dim);
  Tensor runs = gather(source, dim, order);
  const int64_t count = index.size(dim);
  const auto differ = [&, places = places](int64_t distance) {
    return ne(narrow(places, dim, distance, count - distance),
              narrow(places, dim, 0, count - distance));
  };
  for (int64_t distance = 1; distance < count; distance *= 2) {
    const int64_t rest = count - distance;
    const Tensor late = narrow(runs, dim, distance, rest);
    const Tensor both = combined(reduce, late, narrow(runs, dim, 0, rest));
    const std::array parts{narrow(runs, dim, 0, distance), where(differ(distance), late, both)};
    runs = cat(parts, dim);
  }
  const Tensor last = ones_like(narrow(places, dim, 0, 1));
  const std::array ends{differ(1), to(last, DType::Bool)};
  const Tensor whole = combined(reduce, gather(x, dim, places), runs);
  const Tensor alone = where(cat(ends, dim), whole, 0);
  return scatter_add(scatter(x, dim, index, 0), dim, places, alone);
}

/// The extremes, of which equal ones share the gradient.
Tensor extremes(Reduce reduce, const Tensor& x, int64_t dim, const Tensor& index,
                const Tensor& source, IncludeSelf own) {
  const Tensor from = own == IncludeSelf::Yes
                          ? x.detach()
                          : scatter(x.detach(), dim, index, neutral(reduce, x.dtype()));
  const Tensor out = by_runs(reduce, from, dim, index, source.detach());
  if (!autograd::needs_record(x, source)) return out;
  autograd::record("scatter_reduce", out, std::array{x, source}, std::array{x, source, index, out},
                   [dim, own](const autograd::Node& node, const Tensors& grads,
                              Tensors& grad_inputs, const auto& saved) {
                     const auto& [self, given, places, result] = saved;
                     const DType dtype = result.dtype();
                     const Tensor own_wins = to(eq(self, result), dtype);
                     const Tensor given_wins = to(eq(given, gather(result, dim, places)), dtype);
                     const Tensor winners = scatter_add(own_wins, dim, places, given_wins);
                     const Tensor share = div(grads[0], winners);
                     if (node.needs_grad(0)) {
                       const Tensor part = mul(own_wins, share);
                       grad_inputs[0] =
                           own == IncludeSelf::Yes ? part : scatter(part, dim, places, 0);
                     }
                     if (node.needs_grad(1))
                       grad_inputs[1] = mul(given_wins, gather(share, dim, places));
                   });
  return out;
}

Tensor means(const Tensor& x, const Tensor& base, int64_t dim, const Tensor& index,
             const Tensor& source, IncludeSelf own) {
  const Tensor one = ones_like(x.detach());
  const Tensor counted = own == IncludeSelf::Yes ? one : scatter(one, dim, index, 0);
  const Tensor count = scatter_add(counted, dim, index, ones_like(source.detach()));
  const Tensor sum = scatter_add(base, dim, index, source);
  return is_whole(x.dtype()) ? floor_divide(sum, count) : div(sum, count);
}

}  // namespace

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      Reduce reduce, IncludeSelf own) {
  const bool orders = reduce == Reduce::Amax || reduce == Reduce::Amin;
  NW_CHECK(!orders || !is_complex(x.dtype()),
           "[scatter_reduce] complex numbers have no order, gets ", describe(x));
  // Checks sizes and range, and is the answer where nothing is put.
  const bool nothing = index.numel() == 0;
  const Tensor added =
      scatter_add(nothing ? x : x.detach(), dim, index, nothing ? source : source.detach());
  if (nothing) return added;
  if (x.dtype() == DType::Bool) {
    NW_CHECK(reduce != Reduce::Mean, "[scatter_reduce] bool has no mean");
    const auto whole = [](const Tensor& y) { return to(y, DType::Int32); };
    return to(scatter_reduce(whole(x), dim, index, whole(source), reduce, own), DType::Bool);
  }
  if (x.dim() == 0) {
    const Tensor row =
        scatter_reduce(reshape(x, {1}), 0, reshape(index, {1}), reshape(source, {1}), reduce, own);
    return reshape(row, {});
  }
  Tensor part = source;
  for (int64_t d = 0; d < index.dim(); ++d) part = narrow(part, d, 0, index.size(d));
  if (orders) return extremes(reduce, x, dim, index, part, own);
  const Tensor base =
      own == IncludeSelf::Yes ? x : scatter(x, dim, index, neutral(reduce, x.dtype()));
  if (reduce == Reduce::Sum) return scatter_add(base, dim, index, part);
  if (reduce == Reduce::Mean) return means(x, base, dim, index, part, own);
  return by_runs(reduce, base, dim, index, part);
}

}  // namespace nw::ops
