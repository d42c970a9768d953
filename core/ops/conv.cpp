#include "core/ops/conv.h"

#include <algorithm>

#include "core/autograd/record.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/conv_calls.h"
#include "core/ops/layout.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

using autograd::Node;
using raw_conv::Conjugate;
using Saved = std::array<Tensor, 2>;

void check_bias(const Tensor& x, const Tensor& bias, int64_t channels, std::string_view op) {
  if (!bias.defined()) return;
  check_inexact_alike(x, bias, op);
  NW_CHECK(bias.dim() == 1 && bias.sizes()[0] == channels, "[", op, "] expects a bias of ",
           channels, ", gets ", to_string(bias.sizes()));
}

/// Checks what both directions share, completes `window` by the weight's kernel, and returns the
/// op's name.
std::string_view check(std::string_view stem, const Tensor& x, const Tensor& weight,
                       Window& window) {
  NW_CHECK(weight.defined() && weight.dim() >= 3 && weight.dim() <= 5, "[", stem,
           "] expects a weight (channels, channels, kernel…), gets ",
           weight.defined() ? to_string(weight.sizes()) : std::string("none"));
  const auto spatial = static_cast<size_t>(weight.dim() - 2);
  const std::string_view op = window_op(stem, spatial);
  check_inexact_alike(x, weight, op);
  window.kernel.assign(weight.sizes().begin() + 2, weight.sizes().end());
  check_window(window, spatial, op);
  NW_CHECK(window.groups >= 1 && weight.sizes()[0] % window.groups == 0, "[", op, "] the ",
           weight.sizes()[0], " kernels must be divisible by groups (", window.groups, ")");
  return op;
}

void check_in_channels(int64_t received, int64_t expected, int64_t groups, std::string_view op) {
  if (received == expected) return;
  const std::string text = concat("[", op, "] expects ", expected, " input channel",
                                  expected == 1 ? "" : "s", ", gets ", received);
  if (received % groups != 0) throw Error(text);
  throw Error(text, Remedy{"in_channels", received});
}

Tensor with_batch(const Tensor& x) {
  Dims sizes = x.sizes();
  sizes.insert(0, 1);
  return reshape(x, sizes);
}

Tensor without_batch(const Tensor& y) {
  return reshape(y, Dims(y.sizes().begin() + 1, y.sizes().end()));
}

/// Sizes that conv_transpose gives.
Dims spread(const Tensor& x, int64_t channels, const Window& window,
            const SmallVector<int64_t, 3>& output_padding, std::string_view op) {
  Dims sizes{x.sizes()[0], channels};
  NW_CHECK(output_padding.size() == window.kernel.size(), "[", op, "] expects output_padding for ",
           window.kernel.size(), " dimensions, gets ", output_padding.size());
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t extra = output_padding[i];
    NW_CHECK(extra >= 0 && extra < std::max(window.stride[i], window.dilation[i]), "[", op,
             "] output_padding must be at least 0 and less than stride or dilation, is ", extra,
             " with a stride of ", window.stride[i], " and a dilation of ", window.dilation[i]);
    const int64_t length = x.sizes()[i + 2];
    const int64_t out = (length - 1) * window.stride[i] - 2 * window.padding[i] +
                        window.dilation[i] * (window.kernel[i] - 1) + extra + 1;
    // torch lets nothing become nothing.
    const int64_t least = x.sizes()[0] == 0 ? 0 : 1;
    NW_CHECK(length > 0 && out >= least, "[", op, "] makes a size of ", out, " from ", length,
             ": less padding or more stride is needed");
    sizes.push_back(out);
  }
  return sizes;
}

void conv_backward(const Node& node, const Tensors& grads, Tensors& grad_inputs, const Saved& saved,
                   const Window& window) {
  const auto& [x, weight] = saved;
  // Both gradients want it in the same layout: it is converted once.
  const Tensor grad =
      is_complex(x.dtype()) ? grads[0] : laid_out(grads[0], is_channels_innermost(x));
  if (node.needs_grad(0)) {
    grad_inputs[0] = raw_conv::grad_input(grad, weight, window, x.sizes(), Conjugate::Second);
  }
  if (!node.needs_grad(1) && !node.needs_grad(2)) return;
  const auto [grad_weight, grad_bias] =
      raw_conv::grad_weight(grad, x, window, weight.sizes(), node.needs_grad(2), Conjugate::Second);
  if (node.needs_grad(1)) grad_inputs[1] = grad_weight;
  if (node.needs_grad(2)) grad_inputs[2] = grad_bias;
}

/// As conv_backward, with x and y in each other's places.
void transpose_backward(const Node& node, const Tensors& grads, Tensors& grad_inputs,
                        const Saved& saved, const Window& window) {
  const auto& [x, weight] = saved;
  const Tensor& grad = grads[0];
  if (node.needs_grad(0)) {
    grad_inputs[0] = raw_conv::forward(grad, weight, {}, window, x.sizes(), Conjugate::Second);
  }
  if (node.needs_grad(1)) {
    grad_inputs[1] =
        raw_conv::grad_weight(x, grad, window, weight.sizes(), false, Conjugate::First).first;
  }
  if (node.needs_grad(2)) grad_inputs[2] = raw_conv::sum_to_channels(grad);
}

}  // namespace

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window) {
  if (const auto cast = autocast::run(autocast::kLower, conv, x, weight, bias, window))
    return *cast;
  const std::string_view op = check("Conv", x, weight, window);
  const size_t spatial = window.kernel.size();
  if (is_unbatched(x, spatial, op)) {
    return without_batch(conv(with_batch(x), weight, bias, window));
  }
  const int64_t channels = weight.sizes()[0];
  check_in_channels(x.sizes()[1], weight.sizes()[1] * window.groups, window.groups, op);
  check_bias(x, bias, channels, op);

  Dims sizes{x.sizes()[0], channels};
  for (size_t i = 0; i < spatial; ++i) sizes.push_back(slid(window, i, x.sizes()[i + 2], 0, op));
  NW_CHECK(channels > 0, "[", op, "] expects at least one kernel, gets 0");
  const bool has_numbers = x.sizes()[0] > 0 && x.sizes()[1] > 0;
  NW_CHECK(!has_numbers || x.numel() > 0, "[", op, "] expects an input with elements, gets ",
           to_string(x.sizes()));
  if (x.sizes()[1] == 0) sizes[1] = 0;  // as torch, which makes no channel of none
  // Converted here, so that backward finds it converted.
  const Tensor from = laid_out(x, raw_conv::prefers_innermost(x, x.sizes()[1], channels, window));
  const Tensor y = raw_conv::forward(from, weight, bias, window, sizes, Conjugate::Neither);
  if (autograd::needs_record(x, weight, bias)) {
    autograd::record(
        op, y, std::array{x, weight, bias}, std::array{from, weight},
        [window](const Node& node, const Tensors& grads, Tensors& grad_inputs, const Saved& saved) {
          conv_backward(node, grads, grad_inputs, saved, window);
        });
  }
  return y;
}

Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window,
                      const SmallVector<int64_t, 3>& output_padding) {
  if (const auto cast =
          autocast::run(autocast::Rules{autocast::Rule::Float32, autocast::Rule::Lower},
                        conv_transpose, x, weight, bias, window, output_padding))
    return *cast;
  const std::string_view op = check("ConvTranspose", x, weight, window);
  if (is_unbatched(x, window.kernel.size(), op)) {
    return without_batch(conv_transpose(with_batch(x), weight, bias, window, output_padding));
  }
  NW_CHECK(weight.sizes()[0] > 0, "[", op, "] expects at least one input channel, gets 0");
  const int64_t channels = weight.sizes()[1] * window.groups;
  check_in_channels(x.sizes()[1], weight.sizes()[0], window.groups, op);
  check_bias(x, bias, channels, op);
  const Dims sizes = spread(x, channels, window, output_padding, op);

  Tensor y = raw_conv::grad_input(x, weight, window, sizes, Conjugate::Neither);
  if (bias.defined()) y = raw_conv::add_bias(y, bias);
  if (autograd::needs_record(x, weight, bias)) {
    autograd::record(
        op, y, std::array{x, weight, bias}, std::array{x, weight},
        [window](const Node& node, const Tensors& grads, Tensors& grad_inputs, const Saved& saved) {
          transpose_backward(node, grads, grad_inputs, saved, window);
        });
  }
  return y;
}

}  // namespace nw::ops
