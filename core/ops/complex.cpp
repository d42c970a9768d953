#include "core/autograd/record.h"
#include "core/autograd/view.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// The numbers of a complex tensor as pairs of real ones.
Tensor pairs(const Tensor& x) {
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  for (int64_t& stride : strides) stride *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  return Tensor(x.storage(), sizes, strides, x.offset() * 2, real_of(x.dtype()));
}

/// Part 0, the real one, or 1, the imaginary one.
Tensor part(const Tensor& x, int64_t which) {
  const Tensor both = pairs(x);
  Dims strides = both.strides();
  strides.erase(strides.size() - 1);
  return both.as_strided(x.sizes(), strides, both.offset() + which);
}

/// Complex zeros but for one part.
Tensor from_part(const Tensor& values, int64_t which) {
  const Tensor out = zeros(values.sizes(), complex_of(values.dtype()), values.device());
  raw::copy_(part(out, which), values);
  return out;
}

Tensor part_view(const Tensor& x, int64_t which) {
  const Tensor out = part(x, which);
  autograd::track_view(out, x);
  if (needs_record(x)) {
    record(which == 0 ? "real" : "imag", out, std::array{x}, std::array<Tensor, 0>{},
           [which](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = from_part(grads[0], which);
           });
  }
  return out;
}

Tensor joined(const Tensor& x) {
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  sizes.erase(sizes.size() - 1);
  strides.erase(strides.size() - 1);
  for (int64_t& stride : strides) stride /= 2;
  return Tensor(x.storage(), sizes, strides, x.offset() / 2, complex_of(x.dtype()));
}

}  // namespace

Tensor conj(const Tensor& x) {
  if (!is_complex(x.dtype())) return x;
  const Tensor y = unary_raw(UnaryOp::Conj, x);
  if (needs_record(x)) {
    record("conj", y, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = unary_raw(UnaryOp::Conj, grads[0]);
           });
  }
  return y;
}

Tensor real(const Tensor& x) {
  return is_complex(x.dtype()) ? part_view(x, 0) : x;
}

Tensor imag(const Tensor& x) {
  NW_CHECK(is_complex(x.dtype()), "[imag] expects complex numbers, gets ", name(x.dtype()));
  return part_view(x, 1);
}

Tensor angle(const Tensor& given) {
  const Tensor x = to_inexact(given);
  const Tensor y = unary_raw(UnaryOp::Angle, x, real_of(x.dtype()));
  if (needs_record(x)) {
    record("angle", y, std::array{x}, std::array{x},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor& z = saved[0];
             if (!is_complex(z.dtype())) {
               grad_inputs[0] = zeros(z.sizes(), z.dtype(), z.device());
               return;
             }
             // i·z / |z|², across the direction of z
             const Tensor slope = mul(div(z, square(abs(z))), std::complex<double>(0, 1));
             grad_inputs[0] = where(eq(z, 0), 0, mul(slope, grads[0]));
           });
  }
  return y;
}

Tensor complex(const Tensor& re, const Tensor& im) {
  check_alike(re, im, "complex");
  NW_CHECK(!is_half(re.dtype()), "[complex] expects float32 or float64, gets ", name(re.dtype()));
  const Dims sizes = broadcast(re.sizes(), im.sizes(), "complex");
  const Tensor out = empty(sizes, complex_of(re.dtype()), re.device());
  raw::copy_(part(out, 0), re);
  raw::copy_(part(out, 1), im);
  if (needs_record(re, im)) {
    record("complex", out, std::array{re, im}, std::array<Tensor, 0>{},
           [re_sizes = re.sizes(), im_sizes = im.sizes()](const Node& node, const Tensors& grads,
                                                          Tensors& grad_inputs, const auto&) {
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(part(grads[0], 0), re_sizes);
             if (node.needs_grad(1)) grad_inputs[1] = sum_to(part(grads[0], 1), im_sizes);
           });
  }
  return out;
}

Tensor view_as_real(const Tensor& x) {
  NW_CHECK(is_complex(x.dtype()), "[view_as_real] expects complex numbers, gets ", name(x.dtype()));
  const Tensor out = pairs(x);
  autograd::track_view(out, x);
  if (needs_record(x)) {
    record("view_as_real", out, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = joined(raw::contiguous(grads[0]));
           });
  }
  return out;
}

Tensor view_as_complex(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnCpu, view_as_complex, x)) return *cast;
  NW_CHECK(x.dtype() == DType::Float32 || x.dtype() == DType::Float64,
           "[view_as_complex] expects float32 or float64, gets ", name(x.dtype()));
  NW_CHECK(x.dim() > 0 && x.sizes().back() == 2 && x.strides().back() == 1,
           "[view_as_complex] expects a last dimension of 2 numbers side by side, gets ",
           to_string(x.sizes()));
  for (size_t i = 0; i + 1 < x.sizes().size(); ++i) {
    NW_CHECK(x.strides()[i] % 2 == 0, "[view_as_complex] expects even strides, gets ",
             to_string(x.strides()));
  }
  NW_CHECK(x.offset() % 2 == 0, "[view_as_complex] expects an even offset, gets ", x.offset());
  const Tensor out = joined(x);
  autograd::track_view(out, x);
  if (needs_record(x)) {
    record("view_as_complex", out, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = pairs(raw::contiguous(grads[0]));
           });
  }
  return out;
}

}  // namespace nw::ops
