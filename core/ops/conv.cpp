#include "core/ops/conv.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

void check_channels(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t groups,
                    std::string_view op) {
  const int64_t expected = weight.sizes()[1] * groups;
  const int64_t received = x.sizes()[1];
  if (received != expected) {
    const std::string text = concat("[", op, "] expects ", expected, " input channel",
                                    expected == 1 ? "" : "s", ", gets ", received);
    if (received % groups != 0) throw Error(text);
    throw Error(text, Remedy{"in_channels", received});
  }
  NW_CHECK(weight.sizes()[0] % groups == 0, "[", op, "] out_channels (", weight.sizes()[0],
           ") must be divisible by groups (", groups, ")");
  if (!bias.defined()) return;
  check_alike(x, bias, op);
  NW_CHECK(bias.dim() == 1 && bias.sizes()[0] == weight.sizes()[0], "[", op, "] expects a bias of ",
           weight.sizes()[0], ", gets ", to_string(bias.sizes()));
}

void conv_backward(const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
                   const std::array<Tensor, 2>& saved, const Window& window) {
  const auto& [x, weight] = saved;
  const Tensor grad = raw::contiguous(grads[0]);
  const bool empty = grad.numel() == 0 || x.numel() == 0;
  const Kernels& kernels = kernels_of(grad);
  if (node.needs_grad(0)) {
    const Tensor grad_x = new_result(x.sizes(), x);
    if (empty) {
      raw::fill_(grad_x, 0);
    } else {
      kernels.conv_grad_input(grad, weight, window, grad_x);
    }
    grad_inputs[0] = grad_x;
  }
  if (!node.needs_grad(1) && !node.needs_grad(2)) return;
  const Tensor grad_weight = new_result(weight.sizes(), weight);
  const Tensor grad_bias =
      node.needs_grad(2) ? new_result(Dims{weight.sizes()[0]}, weight) : Tensor();
  if (empty) {
    raw::fill_(grad_weight, 0);
    if (grad_bias.defined()) raw::fill_(grad_bias, 0);
  } else {
    kernels.conv_grad_weight(grad, x, window, grad_weight, grad_bias);
  }
  if (node.needs_grad(1)) grad_inputs[1] = grad_weight;
  if (node.needs_grad(2)) grad_inputs[2] = grad_bias;
}

}  // namespace

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window) {
  check_floating(weight, "Conv");
  NW_CHECK(weight.dim() >= 3, "[Conv] expects a weight (out, in, kernel…), gets ",
           to_string(weight.sizes()));
  const auto spatial = static_cast<size_t>(weight.dim() - 2);
  const std::string_view op = window_op("Conv", spatial);
  check_alike(x, weight, op);
  window.kernel.assign(weight.sizes().begin() + 2, weight.sizes().end());
  check_window(window, spatial, op);
  if (is_unbatched(x, spatial, op)) {
    Dims sizes = x.sizes();
    sizes.insert(0, 1);
    const Tensor y = conv(reshape(x, sizes), weight, bias, window);
    return reshape(y, Dims(y.sizes().begin() + 1, y.sizes().end()));
  }
  check_channels(x, weight, bias, window.groups, op);

  Dims sizes{x.sizes()[0], weight.sizes()[0]};
  for (size_t i = 0; i < spatial; ++i) sizes.push_back(slid(window, i, x.sizes()[i + 2], 0, op));
  const Tensor dense_x = raw::contiguous(x);
  const Tensor dense_weight = raw::contiguous(weight);
  const Tensor y = new_result(sizes, x);
  if (y.numel() > 0) {
    kernels_of(x).conv(dense_x, dense_weight, bias.defined() ? raw::contiguous(bias) : bias, window,
                       y);
  }
  if (autograd::needs_record(x, weight, bias)) {
    autograd::record(op, y, std::array{x, weight, bias}, std::array{dense_x, dense_weight},
                     [window](const autograd::Node& node, const Tensors& grads,
                              Tensors& grad_inputs, const std::array<Tensor, 2>& saved) {
                       conv_backward(node, grads, grad_inputs, saved, window);
                     });
  }
  return y;
}

}  // namespace nw::ops
