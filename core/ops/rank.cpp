#include "core/ops/rank.h"

#include <array>
#include <limits>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/index_checks.h"
#include "core/ops/join.h"
#include "core/ops/promotion.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::ops {
namespace {

/// Whether NaN is passed over, or is the answer.
enum class Nan : uint8_t { Wins, Skipped };

/// The dimension counted from the front. Throws Error where it is empty, or x has no order.
int64_t checked_dim(const Tensor& x, int64_t dim, std::string_view op) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] complex numbers have no order, gets ", describe(x));
  const int64_t at = wrap_dim(dim, x.dim(), op);
  NW_CHECK(with_a_dim(x).size(at) > 0, "[", op, "] expects dimension ", dim,
           " to have a size above 0, gets ", to_string(x.sizes()));
  return at;
}

/// What stands at `place` (int64, size 1 along dim) of an order; `x` may have no dimension.
Sorted taken(const Tensor& x, const Sorted& order, const Tensor& place, int64_t dim, Keep keep) {
  const Tensor index = gather(with_a_dim(order.indices), dim, place);
  const Tensor value = gather(with_a_dim(x), dim, index);
  if (x.dim() == 0) return {squeeze(value, 0), squeeze(index, 0)};
  if (keep == Keep::Yes) return {value, index};
  return {squeeze(value, dim), squeeze(index, dim)};
}

/// Where the median stands in the order of x along dim.
Tensor median_place(const Tensor& x, int64_t dim, Nan nan) {
  const Tensor rows = with_a_dim(x.detach());
  const int64_t size = rows.size(dim);
  const Tensor numbers = sum(logical_not(isnan(rows)), Dims{dim}, Keep::Yes);
  if (nan == Nan::Skipped) return clamp(floor_divide(sub(numbers, 1), 2), 0, std::nullopt);
  // The first NaN stands behind all numbers.
  return where(lt(numbers, size), numbers, full_like(numbers, (size - 1) / 2));
}

Sorted median_along(const Tensor& x, int64_t dim, Keep keep, Nan nan, std::string_view op) {
  const int64_t at = checked_dim(x, dim, op);
  NW_CHECK(x.dtype() != DType::Bool, "[", op, "] expects numbers, gets ", describe(x));
  return taken(x, sort(x.detach(), at), median_place(x, at, nan), at, keep);
}

Tensor median_of_all(const Tensor& x, Nan nan, std::string_view op) {
  if (x.numel() == 0) {
    NW_CHECK(is_floating(x.dtype()), "[", op, "] of nothing is NaN, which ", name(x.dtype()),
             " does not have");
    return full({}, std::numeric_limits<double>::quiet_NaN(), x.dtype(), x.device());
  }
  const Tensor flat = reshape(x.detach(), Dims{x.numel()});
  const Tensor value = median_along(flat, 0, Keep::No, nan, op).values;
  if (autograd::needs_record(x)) {
    autograd::record(
        op, value, std::array{x}, std::array{x, value},
        [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
          const Tensor& all = saved[0];
          const Tensor chosen =
              logical_or(eq(all, saved[1]), logical_and(isnan(all), isnan(saved[1])));
          const Tensor share = div(grads[0], to(sum(chosen), grads[0].dtype()));
          grad_inputs[0] = where(chosen, share, 0);
        });
  }
  return value;
}

/// 0, 1, 2, … along dim of something of x's sizes.
Tensor places_along(const Tensor& x, int64_t dim) {
  Dims line(x.sizes().size(), 1);
  line[static_cast<size_t>(dim)] = x.size(dim);
  const Tensor numbers = arange(0, x.size(dim), 1, DType::Int64, x.device());
  return expand(reshape(numbers, line), x.sizes());
}

/// Which of two neighbours in a scan stays: whether the later one does.
using Later = Tensor (*)(const Tensor& earlier, const Tensor& later);

/// The place of what wins up to each place; twice as many are compared in each round.
Tensor winners(const Tensor& x, int64_t dim, Later later_wins) {
  Tensor values = x;
  Tensor places = places_along(x, dim);
  const int64_t size = x.size(dim);
  for (int64_t step = 1; step < size; step *= 2) {
    const auto shifted = [&](const Tensor& all, const Tensor& wins) {
      const Tensor tail =
          where(wins, narrow(all, dim, step, size - step), narrow(all, dim, 0, size - step));
      const std::array parts{narrow(all, dim, 0, step), tail};
      return cat(parts, dim);
    };
    const Tensor wins =
        later_wins(narrow(values, dim, 0, size - step), narrow(values, dim, step, size - step));
    places = shifted(places, wins);
    values = shifted(values, wins);
  }
  return places;
}

Sorted running(const Tensor& x, int64_t dim, Later later_wins, std::string_view op) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] complex numbers have no order, gets ", describe(x));
  const int64_t at = wrap_dim(dim, x.dim(), op);
  const Tensor rows = with_a_dim(x);
  const Tensor places = raw::contiguous(winners(rows.detach(), at, later_wins));
  const Tensor values = gather(rows, at, places);
  if (x.dim() == 0) return {squeeze(values, 0), squeeze(places, 0)};
  return {values, places};
}

}  // namespace

Sorted kthvalue(const Tensor& x, int64_t k, int64_t dim, Keep keep) {
  const int64_t at = checked_dim(x, dim, "kthvalue");
  NW_CHECK(x.dtype() != DType::Bool, "[kthvalue] expects numbers, gets ", describe(x));
  const Tensor rows = with_a_dim(x);
  NW_CHECK(k >= 1 && k <= rows.size(at), "[kthvalue] k (", k, ") is outside 1 … ", rows.size(at),
           ", the size of dimension ", dim);
  Dims one = rows.sizes();
  one[static_cast<size_t>(at)] = 1;
  const Tensor place = full(one, k - 1, DType::Int64, x.device());
  return taken(x, sort(x.detach(), at), place, at, keep);
}

Tensor median(const Tensor& x) {
  return median_of_all(x, Nan::Wins, "median");
}
Sorted median(const Tensor& x, int64_t dim, Keep keep) {
  return median_along(x, dim, keep, Nan::Wins, "median");
}
Tensor nanmedian(const Tensor& x) {
  return median_of_all(x, Nan::Skipped, "nanmedian");
}
Sorted nanmedian(const Tensor& x, int64_t dim, Keep keep) {
  return median_along(x, dim, keep, Nan::Skipped, "nanmedian");
}

Sorted mode(const Tensor& x, int64_t dim, Keep keep) {
  const int64_t at = checked_dim(x, dim, "mode");
  const Sorted order = sort(x.detach(), at);
  const Tensor values = with_a_dim(order.values);
  const int64_t size = values.size(at);
  const Tensor places = places_along(values, at);
  // How many equal ones stand in front of each in the order: its distance from where they begin.
  Tensor begins = zeros_like(places);
  if (size > 1) {
    const Tensor left = narrow(values, at, 0, size - 1);
    const Tensor right = narrow(values, at, 1, size - 1);
    const Tensor same = logical_or(eq(left, right), logical_and(isnan(left), isnan(right)));
    const Tensor later = narrow(places, at, 1, size - 1);
    const std::array parts{narrow(begins, at, 0, 1), where(same, zeros_like(later), later)};
    begins = cummax(cat(parts, at), at).values;
  }
  const Tensor length = sub(places, begins);
  return taken(x, order, argmax(length, at, Keep::Yes), at, keep);
}

Sorted cummax(const Tensor& x, int64_t dim) {
  return running(
      x, dim,
      [](const Tensor& earlier, const Tensor& later) {
        return logical_or(isnan(later), ge(later, earlier));
      },
      "cummax");
}

Sorted cummin(const Tensor& x, int64_t dim) {
  return running(
      x, dim,
      [](const Tensor& earlier, const Tensor& later) {
        return logical_or(isnan(later), le(later, earlier));
      },
      "cummin");
}

}  // namespace nw::ops
