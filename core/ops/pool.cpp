#include "core/ops/pool.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/layout.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

/// x with a batch in front, and what pooling makes of its sizes.
struct Input {
  Tensor x;     // (N, C, spatial…), with history
  Tensor from;  // the same without history, in the layout that is pooled
  bool unbatched;
  bool innermost;
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
  Input input{x, {}, is_unbatched(x, spatial, op), false, {}};
  if (input.unbatched) {
    Dims sizes = x.sizes();
    sizes.insert(0, 1);
    input.x = reshape(x, sizes);
  }
  const Dims& sizes = input.x.sizes();
  for (size_t i = 1; i < sizes.size(); ++i) {
    NW_CHECK(sizes[i] > 0, "[", op, "] cannot pool an empty input, gets ", to_string(x.sizes()));
  }
  input.innermost = is_channels_innermost(input.x);
  input.from = laid_out(input.x, input.innermost);
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

/// Only those in three dimensions are on PyTorch's list.
autocast::Rules rules_of(const Window& window) {
  return window.kernel.size() == 3 ? autocast::kFloat32OnCpu : autocast::kWhole;
}

Tensor new_indices(const Dims& sizes, Device device, bool innermost) {
  return new_laid_out(sizes, empty(Dims{}, DType::Int64, device), innermost);
}

enum class Places : uint8_t { Wanted, NotWanted };

/// The largest numbers and where they were; undefined where neither the caller nor a gradient wants
/// to know.
std::pair<Tensor, Tensor> largest_of(const Tensor& x, const Window& window, Rounding rounding,
                                     Places places) {
  const std::string_view op = window_op("MaxPool", window.kernel.size());
  const Input input = prepare(x, window, rounding, op);
  const Tensor y = new_laid_out(input.sizes, x, input.innermost);
  Tensor indices;
  if (places == Places::Wanted || autograd::needs_record(input.x)) {
    indices = new_indices(input.sizes, x.device(), input.innermost);
  }
  if (y.numel() > 0) kernels_of(x).max_pool(input.from, window, y, indices);
  if (autograd::needs_record(input.x)) {
    autograd::record(op, y, std::array{input.x}, std::array{indices},
                     [x_sizes = input.x.sizes(), innermost = input.innermost](
                         const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                         const std::array<Tensor, 1>& saved) {
                       const Tensor grad = laid_out(grads[0], innermost);
                       const Tensor grad_x = new_laid_out(x_sizes, grad, innermost);
                       if (grad.numel() > 0) {
                         kernels_of(grad).max_pool_grad(grad, saved[0], grad_x);
                       } else {
                         raw::fill_(grad_x, 0);
                       }
                       grad_inputs[0] = grad_x;
                     });
  }
  if (!input.unbatched) return {y, indices};
  return {without_batch(y), indices.defined() ? without_batch(indices) : indices};
}

}  // namespace

std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Window& window,
                                                Rounding rounding) {
  return largest_of(x, window, rounding, Places::Wanted);
}

Tensor max_pool(const Tensor& x, const Window& window, Rounding rounding) {
  if (const auto cast = autocast::run(rules_of(window), max_pool, x, window, rounding)) {
    return *cast;
  }
  return largest_of(x, window, rounding, Places::NotWanted).first;
}

Tensor avg_pool(const Tensor& x, const Window& window, Rounding rounding, const AvgPoolMode& mode) {
  if (const auto cast = autocast::run(rules_of(window), avg_pool, x, window, rounding, mode)) {
    return *cast;
  }
  const std::string_view op = window_op("AvgPool", window.kernel.size());
  const Input input = prepare(x, window, rounding, op);
  // In three dimensions torch wants whole windows in the input itself.
  for (size_t i = 0; i < 3 && window.kernel.size() == 3; ++i) {
    NW_CHECK(input.x.sizes()[i + 2] >= window.kernel[i], "[", op, "] the input's size of ",
             input.x.sizes()[i + 2], " must not be smaller than kernel_size (", window.kernel[i],
             ")");
  }
  const Tensor y = new_laid_out(input.sizes, x, input.innermost);
  if (y.numel() > 0) kernels_of(x).avg_pool(input.from, window, mode, y);
  if (autograd::needs_record(input.x)) {
    autograd::record(
        op, y, std::array{input.x}, std::array<Tensor, 0>{},
        [x_sizes = input.x.sizes(), innermost = input.innermost, window, mode](
            const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
          const Tensor grad = laid_out(grads[0], innermost);
          const Tensor grad_x = new_laid_out(x_sizes, grad, innermost);
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
