#include "core/ops/broadcast.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {

Tensor unary_raw(UnaryOp op, const Tensor& x) {
  return unary_raw(op, x, x.dtype());
}

Tensor unary_raw(UnaryOp op, const Tensor& x, DType result) {
  const Tensor out = new_alike(x, result);
  kernels_of(x).unary(op, x, out);
  return out;
}

Tensor binary_raw(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  return binary_raw(op, a, b, name, is_half(b.dtype()) ? b.dtype() : a.dtype());
}

Tensor binary_raw(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name,
                  DType result) {
  check_device(a, b, name);
  if (a.sizes() == b.sizes()) {
    const Tensor out = new_alike(a, result);
    kernels_of(a).binary(op, a, b, out);
    return out;
  }
  const Dims sizes = broadcast(a.sizes(), b.sizes(), name);
  const Tensor& larger = a.sizes() == sizes ? a : b;
  const Tensor out =
      larger.sizes() == sizes ? new_alike(larger, result) : empty(sizes, result, a.device());
  kernels_of(a).binary(op, raw::expand(a, sizes), raw::expand(b, sizes), out);
  return out;
}

}  // namespace nw::ops
