#include "core/backend/cpu/direct_conv.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/gemm_conv.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/onednn.h"
#include "core/backend/creation.h"

namespace nw::cpu {
namespace {

bool innermost(const Tensor& x) {
  return !x.is_contiguous();
}

/// Whether oneDNN's primitives (or ours for few channels) take it: float32, something to do, and no
/// rest of x behind the last window that a stride does not explain.
bool is_fast(const Tensor& x, const ConvGeometry& geometry) {
  return x.dtype() == DType::Float32 && !geometry.has_nothing() && geometry.is_snug();
}

/// `out` itself if it is dense row-major; else memory whose numbers are copied to it in the end.
class RowMajor {
 public:
  explicit RowMajor(const Tensor& out) : out_(out), dense_(out) {
    if (!out.is_contiguous()) dense_ = empty(out.sizes(), out.dtype(), out.device());
  }
  ~RowMajor() {
    if (!dense_.is_same(out_)) copy(dense_, out_);
  }
  RowMajor(const RowMajor&) = delete;
  RowMajor& operator=(const RowMajor&) = delete;

  template <typename T>
  T* data() const {
    return dense_.data<T>();
  }

 private:
  const Tensor& out_;
  Tensor dense_;
};

}  // namespace

void conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
          const Tensor& y) {
  ConvGeometry geometry(x.sizes(), y.sizes(), window);
  if (is_fast(x, geometry)) {
    geometry.innermost = innermost(x) || innermost(y);
    const auto run = prefers_direct(geometry) ? direct_conv : onednn_conv;
    run(geometry, x.data<float>(), weight.data<float>(), data_or_null<float>(bias),
        y.data<float>());
    return;
  }
  const Tensor from = raw::contiguous(x);
  const RowMajor to(y);
  with_floating(y, "conv", [&](auto type) {
    using T = decltype(type);
    gemm_conv(geometry, from.data<T>(), weight.data<T>(), data_or_null<T>(bias), to.data<T>());
  });
}

void conv_grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                     const Tensor& grad_x) {
  ConvGeometry geometry(grad_x.sizes(), grad.sizes(), window);
  if (is_fast(grad, geometry)) {
    geometry.innermost = innermost(grad) || innermost(grad_x);
    const auto run =
        prefers_direct_grad_input(geometry) ? direct_conv_grad_input : onednn_conv_grad_input;
    run(geometry, grad.data<float>(), weight.data<float>(), grad_x.data<float>());
    return;
  }
  const Tensor from = raw::contiguous(grad);
  const RowMajor to(grad_x);
  with_floating(grad, "conv", [&](auto type) {
    using T = decltype(type);
    gemm_conv_grad_input(geometry, from.data<T>(), weight.data<T>(), to.data<T>());
  });
}

void conv_grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                      const Tensor& grad_weight, const Tensor& grad_bias) {
  ConvGeometry geometry(x.sizes(), grad.sizes(), window);
  if (is_fast(grad, geometry) && onednn_can_grad_weight(geometry)) {
    geometry.innermost = innermost(grad) || innermost(x);
    const auto run =
        prefers_direct_grad_weight(geometry) ? direct_conv_grad_weight : onednn_conv_grad_weight;
    // oneDNN adds up one number after the other, PyTorch in three dimensions more exactly.
    const bool apart = grad_bias.defined() && grad.dim() == 5;
    run(geometry, grad.data<float>(), x.data<float>(), grad_weight.data<float>(),
        apart ? nullptr : data_or_null<float>(grad_bias));
    if (apart) conv_grad_bias(geometry, grad.data<float>(), grad_bias.data<float>());
    return;
  }
  const Tensor from = raw::contiguous(grad);
  const Tensor input = raw::contiguous(x);
  with_floating(grad, "conv", [&](auto type) {
    using T = decltype(type);
    gemm_conv_grad_weight(geometry, from.data<T>(), input.data<T>(), grad_weight.data<T>(),
                          data_or_null<T>(grad_bias));
  });
}

}  // namespace nw::cpu
