#include "core/ops/conv_calls.h"

#include <algorithm>

#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/layout.h"

namespace nw::ops::raw_conv {
namespace {

/// Channels from which vectors over them are well filled; and channels of a result that are so many
/// that what follows will want them innermost, however few come in.
constexpr int64_t kManyChannels = 16;
constexpr int64_t kManyResults = 32;

/// Real (0) or imaginary (1) parts of a complex tensor, as a view.
Tensor part(const Tensor& x, int64_t which) {
  Dims strides = x.strides();
  for (int64_t& stride : strides) stride *= 2;
  return Tensor(x.storage(), x.sizes(), strides, x.offset() * 2 + which, real_of(x.dtype()));
}

Tensor combined(const Tensor& real, const Tensor& imaginary, DType dtype) {
  const Tensor out = empty(real.sizes(), dtype, real.device());
  const Kernels& kernels = kernels_of(out);
  kernels.copy(real, part(out, 0));
  kernels.copy(imaginary, part(out, 1));
  return out;
}

/// a + b · scale, into a.
void accumulate(const Tensor& a, const Tensor& b, double scale) {
  if (a.numel() > 0) kernels_of(a).axpy(raw::contiguous(b), scale, a);
}

/// The complex product that is made of the real one.
template <typename Product>
Tensor complex_product(const Tensor& a, const Tensor& b, Conjugate conjugate,
                       const Product& product) {
  const double a_sign = conjugate == Conjugate::First ? -1 : 1;
  const double b_sign = conjugate == Conjugate::Second ? -1 : 1;
  const Tensor ar = raw::contiguous(part(a, 0));
  const Tensor ai = raw::contiguous(part(a, 1));
  const Tensor br = raw::contiguous(part(b, 0));
  const Tensor bi = raw::contiguous(part(b, 1));
  const Tensor real = raw::contiguous(product(ar, br));
  accumulate(real, product(ai, bi), -a_sign * b_sign);
  const Tensor imaginary = zeros(real.sizes(), real.dtype(), real.device());
  accumulate(imaginary, product(ai, br), a_sign);
  accumulate(imaginary, product(ar, bi), b_sign);
  return combined(real, imaginary, a.dtype());
}

Tensor filled_with_0(const Tensor& x) {
  raw::fill_(x, 0);
  return x;
}

/// `bias` (C) as (1, C, 1, …).
Tensor as_channels(const Tensor& bias, int64_t rank) {
  Dims sizes(static_cast<size_t>(rank), 1);
  sizes[1] = bias.numel();
  return view_dense(raw::contiguous(bias), sizes);
}

}  // namespace

bool prefers_innermost(const Tensor& x, int64_t in_channels, int64_t out_channels,
                       const Window& window) {
  if (x.dtype() != DType::Float32 || window.kernel.size() != 2) return false;
  if (is_channels_innermost(x)) return true;
  return std::min(in_channels, out_channels) >= kManyChannels || out_channels >= kManyResults;
}

Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
               const Dims& y_sizes, Conjugate conjugate) {
  if (is_complex(x.dtype())) {
    const Tensor y = complex_product(x, weight, conjugate, [&](const Tensor& a, const Tensor& b) {
      return forward(a, b, {}, window, y_sizes, Conjugate::Neither);
    });
    return bias.defined() ? add_bias(y, bias) : y;
  }
  const bool innermost = prefers_innermost(x, x.sizes()[1], y_sizes[1], window);
  const Tensor y = new_laid_out(y_sizes, x, innermost);
  if (y.numel() == 0) return y;
  kernels_of(x).conv(laid_out(x, innermost), raw::contiguous(weight),
                     bias.defined() ? raw::contiguous(bias) : bias, window, y);
  return y;
}

Tensor grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                  const Dims& x_sizes, Conjugate conjugate) {
  if (is_complex(grad.dtype())) {
    return complex_product(grad, weight, conjugate, [&](const Tensor& a, const Tensor& b) {
      return grad_input(a, b, window, x_sizes, Conjugate::Neither);
    });
  }
  const bool innermost = prefers_innermost(grad, x_sizes[1], grad.sizes()[1], window);
  const Tensor grad_x = new_laid_out(x_sizes, grad, innermost);
  if (grad.numel() == 0 || grad_x.numel() == 0) return filled_with_0(grad_x);
  kernels_of(grad).conv_grad_input(laid_out(grad, innermost), raw::contiguous(weight), window,
                                   grad_x);
  return grad_x;
}

std::pair<Tensor, Tensor> grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                                      const Dims& weight_sizes, bool with_bias,
                                      Conjugate conjugate) {
  if (is_complex(grad.dtype())) {
    const auto real = [&](const Tensor& a, const Tensor& b) {
      return grad_weight(a, b, window, weight_sizes, false, Conjugate::Neither).first;
    };
    return {complex_product(grad, x, conjugate, real),
            with_bias ? sum_to_channels(grad) : Tensor()};
  }
  const Tensor weight = new_result(weight_sizes, grad);
  const Tensor bias = with_bias ? new_result(Dims{weight_sizes[0]}, grad) : Tensor();
  if (grad.numel() == 0 || x.numel() == 0) {
    return {filled_with_0(weight), with_bias ? filled_with_0(bias) : bias};
  }
  const bool innermost =
      prefers_innermost(is_channels_innermost(x) ? x : grad, x.sizes()[1], grad.sizes()[1], window);
  kernels_of(grad).conv_grad_weight(laid_out(grad, innermost), laid_out(x, innermost), window,
                                    weight, bias);
  return {weight, bias};
}

Tensor add_bias(const Tensor& y, const Tensor& bias) {
  const Tensor out = new_laid_out(y.sizes(), y, is_channels_innermost(y));
  if (y.numel() == 0) return out;
  kernels_of(y).binary(BinaryOp::Add, y, raw::expand(as_channels(bias, y.dim()), y.sizes()), out);
  return out;
}

Tensor sum_to_channels(const Tensor& grad) {
  Dims sizes(static_cast<size_t>(grad.dim()), 1);
  sizes[1] = grad.sizes()[1];
  return view_dense(raw::contiguous(sum_to(grad, sizes)), Dims{sizes[1]});
}

}  // namespace nw::ops::raw_conv
