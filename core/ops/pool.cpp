#include "core/ops/pool.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

/// x with a batch in front, and what pooling makes of its sizes.
struct Input {
  Tensor x;  // (N, C, spatial…), with history
  bool unbatched;
  Dims sizes;  // of the result
};

Input prepare(const Tensor& x, const Window& window, Rounding rounding, std::string_view op) {
  check_floating(x, op);
  const size_t spatial = window.kernel.size();
  check_window(window, spatial, op);
  for (size_t i = 0; i < spatial; ++i) {
    NW_CHECK(window.padding[i] <= window.kernel[i] / 2, "[", op,
             "] padding must be at most half of kernel_size, is ", window.padding[i], " of ",
             window.kernel[i]);
  }
  Input input{x, is_unbatched(x, spatial, op), {}};
  if (input.unbatched) {
    Dims sizes = x.sizes();
    sizes.insert(0, 1);
    input.x = reshape(x, sizes);
  }
  const Dims& sizes = input.x.sizes();
  input.sizes = Dims{sizes[0], sizes[1]};
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t slack = rounding == Rounding::Up ? window.stride[i] - 1 : 0;
    input.sizes.push_back(slid(window, i, sizes[i + 2], slack, op));
  }
  return input;
}

Tensor without_batch(const Tensor& y) {
  return reshape(y, Dims(y.sizes().begin() + 1, y.sizes().end()));
}

}  // namespace

std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Window& window,
                                                Rounding rounding) {
  const std::string_view op = window_op("MaxPool", window.kernel.size());
  const Input input = prepare(x, window, rounding, op);
  const Tensor y = new_result(input.sizes, x);
  const Tensor indices = empty(input.sizes, DType::Int64, x.device());
  if (y.numel() > 0) kernels_of(x).max_pool(raw::contiguous(input.x), window, y, indices);
  if (autograd::needs_record(input.x)) {
    autograd::record(
        op, y, std::array{input.x}, std::array{indices},
        [x_sizes = input.x.sizes()](const autograd::Node&, const Tensors& grads,
                                    Tensors& grad_inputs, const std::array<Tensor, 1>& saved) {
          const Tensor grad = raw::contiguous(grads[0]);
          const Tensor grad_x = new_result(x_sizes, grad);
          if (grad.numel() > 0) {
            kernels_of(grad).max_pool_grad(grad, saved[0], grad_x);
          } else {
            raw::fill_(grad_x, 0);
          }
          grad_inputs[0] = grad_x;
        });
  }
  if (!input.unbatched) return {y, indices};
  return {without_batch(y), without_batch(indices)};
}

Tensor max_pool(const Tensor& x, const Window& window, Rounding rounding) {
  return max_pool_with_indices(x, window, rounding).first;
}

Tensor avg_pool(const Tensor& x, const Window& window, Rounding rounding, const AvgPoolMode& mode) {
  const std::string_view op = window_op("AvgPool", window.kernel.size());
  const Input input = prepare(x, window, rounding, op);
  const Tensor y = new_result(input.sizes, x);
  if (y.numel() > 0) kernels_of(x).avg_pool(raw::contiguous(input.x), window, mode, y);
  if (autograd::needs_record(input.x)) {
    autograd::record(
        op, y, std::array{input.x}, std::array<Tensor, 0>{},
        [x_sizes = input.x.sizes(), window, mode](const autograd::Node&, const Tensors& grads,
                                                  Tensors& grad_inputs, const auto&) {
          const Tensor grad = raw::contiguous(grads[0]);
          const Tensor grad_x = new_result(x_sizes, grad);
          if (grad.numel() > 0) {
            kernels_of(grad).avg_pool_grad(grad, window, mode, grad_x);
          } else {
            raw::fill_(grad_x, 0);
          }
          grad_inputs[0] = grad_x;
        });
  }
  return input.unbatched ? without_batch(y) : y;
}

}  // namespace nw::ops
