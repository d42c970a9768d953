#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/backend/resample_kernels.h"
#include "core/ops/checks.h"
#include "core/ops/resample.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

Tensor with_batch(const Tensor& x) {
  Dims sizes = x.sizes();
  sizes.insert(0, 1);
  return reshape(x, sizes);
}

Tensor without_batch(const Tensor& y) {
  return reshape(y, Dims(y.sizes().begin() + 1, y.sizes().end()));
}

/// How many windows fit into `height` × `width`.
int64_t window_count(const Window& window, int64_t height, int64_t width, std::string_view op) {
  return slid(window, 0, height, 0, op) * slid(window, 1, width, 0, op);
}

Tensor unfolded(const Tensor& x, const Window& window, const Dims& sizes) {
  const Tensor columns = new_result(sizes, x);
  if (columns.numel() > 0) kernels_of(x).resample->unfold(raw::contiguous(x), window, columns);
  return columns;
}

Tensor folded(const Tensor& columns, const Window& window, const Dims& sizes) {
  const Tensor x = new_result(sizes, columns);
  if (x.numel() > 0) kernels_of(x).resample->fold(raw::contiguous(columns), window, x);
  return x;
}

}  // namespace

Tensor unfold(const Tensor& x, const Window& window) {
  constexpr std::string_view kOp = "Unfold";
  check_floating(x, kOp);
  check_window(window, 2, kOp);
  if (is_unbatched(x, 2, kOp)) return without_batch(unfold(with_batch(x), window));
  const Dims& from = x.sizes();
  NW_CHECK(from[1] > 0, "[", kOp, "] expects at least one channel, gets ", to_string(from));
  const int64_t windows = window_count(window, from[2], from[3], kOp);
  const Dims sizes{from[0], from[1] * window.kernel[0] * window.kernel[1], windows};
  const Tensor y = unfolded(x, window, sizes);
  if (autograd::needs_record(x)) {
    autograd::record(
        kOp, y, std::array{x}, std::array<Tensor, 0>{},
        [window, from](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                       const auto&) { grad_inputs[0] = folded(grads[0], window, from); });
  }
  return y;
}

Tensor fold(const Tensor& columns, const SmallVector<int64_t, 3>& output_size,
            const Window& window) {
  constexpr std::string_view kOp = "Fold";
  check_floating(columns, kOp);
  check_window(window, 2, kOp);
  NW_CHECK(columns.dim() == 2 || columns.dim() == 3, "[", kOp,
           "] expects 3 dimensions (N, C·kernel, windows) or 2 without N, gets ", columns.dim());
  if (columns.dim() == 2) return without_batch(fold(with_batch(columns), output_size, window));
  NW_CHECK(output_size.size() == 2, "[", kOp, "] expects 2 output sizes, gets ",
           output_size.size());
  const Dims& from = columns.sizes();
  const int64_t kernel = window.kernel[0] * window.kernel[1];
  NW_CHECK(from[1] > 0 && from[1] % kernel == 0, "[", kOp, "] expects a multiple of ", kernel,
           " rows (the window's size), gets ", from[1]);
  const int64_t windows = window_count(window, output_size[0], output_size[1], kOp);
  NW_CHECK(from[2] == windows, "[", kOp, "] expects ", windows, " columns, one for each window in ",
           output_size[0], "×", output_size[1], ", gets ", from[2]);
  const Tensor y =
      folded(columns, window, Dims{from[0], from[1] / kernel, output_size[0], output_size[1]});
  if (autograd::needs_record(columns)) {
    autograd::record(
        kOp, y, std::array{columns}, std::array<Tensor, 0>{},
        [window, from](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                       const auto&) { grad_inputs[0] = unfolded(grads[0], window, from); });
  }
  return y;
}

}  // namespace nw::ops
