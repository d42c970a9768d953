#include "core/backend/cpu/direct_conv.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/onednn.h"
#include "core/backend/cpu/plain_conv.h"

namespace nw::cpu {

void conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
          const Tensor& y) {
  const ConvGeometry geometry(x.sizes(), y.sizes(), window);
  if (y.dtype() == DType::Float32 && !geometry.has_nothing()) {
    const auto run = prefers_direct(geometry) ? direct_conv : onednn_conv;
    run(geometry, x.data<float>(), weight.data<float>(), data_or_null<float>(bias),
        y.data<float>());
    return;
  }
  with_floating(y, "conv", [&](auto type) {
    using T = decltype(type);
    plain_conv(geometry, x.data<T>(), weight.data<T>(), data_or_null<T>(bias), y.data<T>());
  });
}

void conv_grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                     const Tensor& grad_x) {
  const ConvGeometry geometry(grad_x.sizes(), grad.sizes(), window);
  if (grad.dtype() == DType::Float32 && !geometry.has_nothing()) {
    const auto run =
        prefers_direct_grad_input(geometry) ? direct_conv_grad_input : onednn_conv_grad_input;
    run(geometry, grad.data<float>(), weight.data<float>(), grad_x.data<float>());
    return;
  }
  with_floating(grad, "conv", [&](auto type) {
    using T = decltype(type);
    plain_conv_grad_input(geometry, grad.data<T>(), weight.data<T>(), grad_x.data<T>());
  });
}

void conv_grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                      const Tensor& grad_weight, const Tensor& grad_bias) {
  const ConvGeometry geometry(x.sizes(), grad.sizes(), window);
  if (grad.dtype() == DType::Float32 && !geometry.has_nothing() &&
      onednn_can_grad_weight(geometry)) {
    const auto run =
        prefers_direct_grad_weight(geometry) ? direct_conv_grad_weight : onednn_conv_grad_weight;
    run(geometry, grad.data<float>(), x.data<float>(), grad_weight.data<float>(),
        data_or_null<float>(grad_bias));
    return;
  }
  with_floating(grad, "conv", [&](auto type) {
    using T = decltype(type);
    plain_conv_grad_weight(geometry, grad.data<T>(), x.data<T>(), grad_weight.data<T>(),
                           data_or_null<T>(grad_bias));
  });
}

}  // namespace nw::cpu
