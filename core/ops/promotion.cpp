#include "core/ops/promotion.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using MaybeDType = std::optional<DType>;

MaybeDType joined(MaybeDType a, MaybeDType b) {
  if (!a) return b;
  return b ? promote_types(*a, *b) : *a;
}

/// The dtype of what comes first (`higher`) unless the other is of a higher kind of number.
MaybeDType outranking(MaybeDType higher, MaybeDType lower) {
  if (!higher || !lower) return higher ? higher : lower;
  if (is_complex(*higher)) return higher;
  if (is_floating(*higher)) return is_complex(*lower) ? complex_of(*higher) : *higher;
  const bool lower_is_inexact = is_floating(*lower) || is_complex(*lower);
  if (*higher == DType::Bool || lower_is_inexact) return promote_types(*higher, *lower);
  return higher;
}

/// The operands seen so far, apart by what outranks what.
struct Operands {
  MaybeDType with_dims, without_dims, plain;

  void add(const Tensor& x) {
    MaybeDType& place = x.dim() > 0 ? with_dims : without_dims;
    place = joined(place, x.dtype());
  }
  void add(const Scalar& x) { plain = joined(plain, x.dtype()); }
  DType result() const { return *outranking(with_dims, outranking(without_dims, plain)); }
};

template <typename... Items>
DType result_of(const Items&... items) {
  Operands operands;
  (operands.add(items), ...);
  return operands.result();
}

int rank(DType dtype) {
  if (dtype == DType::Bool) return 0;
  if (is_whole(dtype)) return 1;
  return is_floating(dtype) ? 2 : 3;
}

}  // namespace

DType result_type(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() ? a.dtype() : result_of(a, b);
}
DType result_type(const Tensor& a, const Tensor& b, const Tensor& c) {
  return c.defined() ? result_of(a, b, c) : result_type(a, b);
}
DType result_type(const Tensor& a, const Scalar& b) {
  return result_of(a, b);
}
DType result_type(const Tensor& a, const Scalar& b, const Scalar& c) {
  return result_of(a, b, c);
}

bool can_cast(DType from, DType to) {
  return rank(from) <= rank(to);
}

Tensor to(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const Tensor out = new_alike(x, dtype);
  raw::copy_(out, x);
  const bool has_gradient = is_floating(dtype) || is_complex(dtype);
  if (has_gradient && autograd::needs_record(x)) {
    autograd::record(
        "to", out, std::array{x}, std::array<Tensor, 0>{},
        [from = x.dtype()](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                           const auto&) { grad_inputs[0] = raw::to(grads[0], from); });
  }
  return out;
}

Tensor to_inexact(const Tensor& x) {
  return is_floating(x.dtype()) || is_complex(x.dtype()) ? x : to(x, DType::Float32);
}

Tensor operand(const Scalar& value, DType dtype, const Tensor& like) {
  const Tensor out = empty(Dims{}, dtype, like.device());
  raw::fill_(out, value);
  return out;
}

}  // namespace nw::ops
