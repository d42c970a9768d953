#include "core/ops/pad.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

/// Elements start … start+length−1 of one dimension, as a view.
Tensor slice(const Tensor& x, size_t dim, int64_t start, int64_t length) {
  Dims sizes = x.sizes();
  sizes[dim] = length;
  return x.as_strided(sizes, x.strides(), x.offset() + start * x.strides()[dim]);
}

/// Which element of a dimension of `length` the padded element `i` repeats (i counts from −before).
int64_t source(int64_t i, int64_t length, PadMode mode) {
  switch (mode) {
    case PadMode::Reflect:
      return i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i;
    case PadMode::Circular:
      return i < 0 ? i + length : i >= length ? i - length : i;
    default:
      return i < 0 ? 0 : i >= length ? length - 1 : i;
  }
}

void check(const Tensor& x, size_t dim, const std::array<int64_t, 2>& pad, PadMode mode,
           std::string_view op) {
  const int64_t length = x.sizes()[dim];
  for (int64_t amount : pad) {
    NW_CHECK(amount >= 0, "[", op, "] padding must be at least 0, is ", amount);
    NW_CHECK(mode != PadMode::Reflect || amount < length, "[", op, "] padding ", amount,
             " that reflects must be smaller than the input's size of ", length);
    NW_CHECK(mode != PadMode::Circular || amount <= length, "[", op, "] circular padding ", amount,
             " must be at most the input's size of ", length);
    NW_CHECK(mode == PadMode::Zeros || amount == 0 || length > 0, "[", op,
             "] cannot pad an empty dimension with its own elements");
  }
}

/// One dimension made larger.
Tensor padded(const Tensor& x, size_t dim, const std::array<int64_t, 2>& pad, PadMode mode) {
  const int64_t length = x.sizes()[dim];
  const auto [before, after] = pad;
  Dims sizes = x.sizes();
  sizes[dim] += before + after;
  const Tensor out = new_result(sizes, x);
  if (x.numel() == 0) {
    raw::fill_(out, 0);
    return out;
  }
  const Kernels& kernels = kernels_of(x);
  kernels.copy(x, slice(out, dim, before, length));
  const auto fill_outside = [&](int64_t from, int64_t to) {
    if (from == to) return;
    if (mode == PadMode::Zeros) {
      kernels.fill(slice(out, dim, from + before, to - from), 0);
      return;
    }
    for (int64_t i = from; i < to; ++i) {
      kernels.copy(slice(x, dim, source(i, length, mode), 1), slice(out, dim, i + before, 1));
    }
  };
  fill_outside(-before, 0);
  fill_outside(length, length + after);
  return out;
}

/// The gradient of padded(): what the copies got goes back to where they came from.
Tensor unpadded(const Tensor& grad, size_t dim, const std::array<int64_t, 2>& pad, PadMode mode) {
  const auto [before, after] = pad;
  const int64_t length = grad.sizes()[dim] - before - after;
  if (grad.numel() == 0) {
    Dims sizes = grad.sizes();
    sizes[dim] = length;
    return new_result(sizes, grad);
  }
  if (mode == PadMode::Zeros) return slice(grad, dim, before, length);
  const Tensor out = raw::clone(slice(grad, dim, before, length));
  const Kernels& kernels = kernels_of(grad);
  const auto add = [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const Tensor target = slice(out, dim, source(i, length, mode), 1);
      const Tensor total = new_result(target.sizes(), target);
      kernels.binary(BinaryOp::Add, target, slice(grad, dim, i + before, 1), total);
      kernels.copy(total, target);
    }
  };
  add(-before, 0);
  add(length, length + after);
  return out;
}

}  // namespace

Tensor pad(const Tensor& x, const Pads& pads, PadMode mode, std::string_view op) {
  check_floating(x, op);
  NW_CHECK(x.sizes().size() > pads.size(), "[", op, "] expects more than ", pads.size(),
           " dimensions to pad, gets ", x.sizes().size(), " (", batched_text(x.sizes()), ")");
  // As in torch, whose circular mode knows no input without a batch.
  NW_CHECK(mode != PadMode::Circular || x.sizes().size() == pads.size() + 2, "[", op,
           "] circular padding expects ", pads.size() + 2, " dimensions, gets ", x.sizes().size());
  const size_t first = x.sizes().size() - pads.size();
  Tensor out = x.detach();
  for (size_t i = 0; i < pads.size(); ++i) {
    check(out, first + i, pads[i], mode, op);
    if (pads[i][0] != 0 || pads[i][1] != 0) out = padded(out, first + i, pads[i], mode);
  }
  if (autograd::needs_record(x)) {
    autograd::record("pad", out, std::array{x}, std::array<Tensor, 0>{},
                     [first, pads, mode](const autograd::Node&, const Tensors& grads,
                                         Tensors& grad_inputs, const auto&) {
                       Tensor grad = grads[0];
                       for (size_t i = pads.size(); i-- > 0;) {
                         if (pads[i][0] == 0 && pads[i][1] == 0) continue;
                         grad = unpadded(grad, first + i, pads[i], mode);
                       }
                       grad_inputs[0] = grad;
                     });
  }
  return out;
}

}  // namespace nw::ops
