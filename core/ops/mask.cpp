#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/index_checks.h"
#include "core/ops/shape.h"
#include "core/ops/view_of.h"

// Masks, what is not zero, and triangles.
namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;

const IndexKernels& index_kernels(const Tensor& x) {
  return *kernels_of(x).index;
}

/// A mask as bool.
Tensor checked_mask(const Tensor& mask, const Tensor& x, std::string_view op) {
  NW_CHECK(mask.defined() && (mask.dtype() == DType::Bool || mask.dtype() == DType::UInt8), "[", op,
           "] expects a mask of bool, gets ", describe(mask));
  check_device(x, mask, op);
  return raw::to(mask, DType::Bool);
}

/// A tensor without dimensions as one of x's dtype.
Tensor checked_value(const Tensor& value, const Tensor& x) {
  NW_CHECK(value.defined() && value.dim() == 0,
           "[masked_fill] expects a value without dimensions, gets ", describe(value));
  NW_CHECK(!is_complex(value.dtype()) || is_complex(x.dtype()),
           "[masked_fill] cannot put a complex number into ", describe(x));
  check_device(x, value, "masked_fill");
  return raw::to(value.detach(), x.dtype());
}

/// The number 0 where mask is true.
Tensor cleared(const Tensor& grad, const Tensor& mask) {
  const Tensor out = raw::clone(grad);
  if (out.numel() > 0) {
    index_kernels(out).masked_fill(raw::expand(mask, out.sizes()), number_like(0, out), out);
  }
  return out;
}

/// For inputs {x, value}; `x_sizes` broadcast to the result's.
auto fill_backward(const Dims& x_sizes, DType value_dtype) {
  return [x_sizes, value_dtype](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 1>& saved) {
    const Tensor kept = cleared(grads[0], saved[0]);
    if (node.needs_grad(0)) grad_inputs[0] = sum_to(kept, x_sizes);
    if (!node.needs_grad(1)) return;
    const Tensor others = empty(saved[0].sizes(), DType::Bool, saved[0].device());
    kernels_of(others).unary(UnaryOp::LogicalNot, saved[0], others);
    const Tensor gone = cleared(grads[0], others);
    grad_inputs[1] = raw::to(sum_to(gone, {}), value_dtype);
  };
}

void fill_where(const Tensor& x, const Tensor& mask, const Tensor& value) {
  if (x.numel() == 0) return;
  index_kernels(x).masked_fill(raw::expand(mask, x.sizes()), value, x);
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  const Tensor marks = checked_mask(mask, x, "masked_fill");
  const Tensor number = checked_value(value, x);
  const Tensor out =
      raw::clone(raw::expand(x.detach(), broadcast(x.sizes(), marks.sizes(), "masked_fill")));
  fill_where(out, marks, number);
  if (needs_record(x, value)) {
    autograd::record("masked_fill", out, std::array{x, value}, std::array{marks},
                     fill_backward(x.sizes(), value.dtype()));
  }
  return out;
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value) {
  NW_CHECK(!value.is_complex() || is_complex(x.dtype()),
           "[masked_fill] cannot put a complex number into ", describe(x));
  return masked_fill(x, mask, number_like(value, x));
}

Tensor masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& value) {
  const Tensor marks = checked_mask(mask, x, "masked_fill_");
  const Tensor number = checked_value(value, x);
  const bool recording = needs_record(x, value);
  autograd::check_in_place("masked_fill_", x, recording);
  fill_where(x, marks, number);
  if (recording) {
    autograd::record_in_place("masked_fill_", std::array{x, value}, std::array{marks},
                              fill_backward(x.sizes(), value.dtype()));
  } else {
    x.storage()->bump_version();
  }
  return x;
}

Tensor masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value) {
  NW_CHECK(!value.is_complex() || is_complex(x.dtype()),
           "[masked_fill_] cannot put a complex number into ", describe(x));
  return masked_fill_(x, mask, number_like(value, x));
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  const Tensor marks = checked_mask(mask, x, "masked_select");
  const Dims sizes = broadcast(x.sizes(), marks.sizes(), "masked_select");
  if (sizes.empty()) return index(reshape(x, {1}), {view_dense(raw::contiguous(marks), {1})});
  return index(expand(x, sizes), {raw::expand(marks, sizes)});
}

Tensor nonzero(const Tensor& x) {
  NW_CHECK(x.defined() && x.device().type != DeviceType::Meta,
           "[nonzero] how many elements are not 0 is unknown without numbers (meta)");
  const Tensor count = empty({}, DType::Int64, x.device());
  index_kernels(x).count_nonzero(x, count);
  const int64_t found = raw::to(count, kCpu).scalar().to_int64();
  const Tensor out = empty(Dims{found, x.dim()}, DType::Int64, x.device());
  if (out.numel() > 0) index_kernels(x).nonzero(x, out);
  return out;
}

Tensor one_hot(const Tensor& x, int64_t classes) {
  const Tensor index = checked_index(x, x, "one_hot");
  const bool known = x.device().type != DeviceType::Meta;
  int64_t most = -1;
  if (known) {
    const Tensor numbers = raw::to(index, kCpu);
    for (int64_t i = 0; i < numbers.numel(); ++i) {
      const int64_t value = numbers.data<int64_t>()[i];
      NW_CHECK(value >= 0, "[one_hot] classes must be at least 0, gets ", value);
      most = std::max(most, value);
    }
  }
  if (classes == -1) {
    NW_CHECK(known, "[one_hot] expects the number of classes where there are no numbers (meta)");
    NW_CHECK(most >= 0, "[one_hot] expects the number of classes where there are no elements");
    classes = most + 1;
  }
  NW_CHECK(classes > 0, "[one_hot] expects at least one class, gets ", classes);
  NW_CHECK(most < classes, "[one_hot] class ", most, " is outside 0 … ", classes - 1);
  Dims sizes = x.sizes();
  sizes.push_back(classes);
  const Tensor out = zeros(sizes, DType::Int64, x.device());
  if (out.numel() == 0) return out;
  sizes.back() = 1;
  index_kernels(out).scatter(raw::expand(number_like(1, out), sizes), view_dense(index, sizes),
                             out.dim() - 1, PutMode::Set, out);
  return out;
}

namespace {

Tensor triangle(const Tensor& x, int64_t diagonal, bool upper) {
  const Tensor out = empty(x.sizes(), x.dtype(), x.device());
  if (out.numel() > 0) index_kernels(x).triangle(x, diagonal, upper, out);
  return out;
}

Tensor recorded_triangle(std::string_view op, const Tensor& x, int64_t diagonal, bool upper) {
  NW_CHECK(x.defined() && (x.dim() >= 2 || x.numel() == 0), "[", op,
           "] expects at least 2 dimensions, gets ", describe(x));
  const Tensor out = triangle(x, diagonal, upper);
  record_one(op, out, x, [=](const Tensor& grad) { return triangle(grad, diagonal, upper); });
  return out;
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) {
  return recorded_triangle("tril", x, diagonal, false);
}

Tensor triu(const Tensor& x, int64_t diagonal) {
  return recorded_triangle("triu", x, diagonal, true);
}

}  // namespace nw::ops
