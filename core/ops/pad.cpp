#include "core/ops/pad.h"

#include <algorithm>
#include <vector>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using Pad = std::array<int64_t, 2>;

/// Elements start … start+length−1 of one dimension, as a view.
Tensor slice(const Tensor& x, size_t dim, int64_t start, int64_t length) {
  Dims sizes = x.sizes();
  sizes[dim] = length;
  return x.as_strided(sizes, x.strides(), x.offset() + start * x.strides()[dim]);
}

/// Neighbours of one padded dimension that are neighbours in the input, too; or that hold the value
/// (from −1).
struct Stretch {
  int64_t to, from, length;
};

/// Which element of a dimension of `length` the padded element `i` repeats; −1: the value.
int64_t source(int64_t i, int64_t length, PadMode mode) {
  switch (mode) {
    case PadMode::Reflect:
      return i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i;
    case PadMode::Circular:
      return i < 0 ? i + length : i >= length ? i - length : i;
    case PadMode::Replicate:
      return std::clamp<int64_t>(i, 0, length - 1);
    default:
      return i < 0 || i >= length ? -1 : i;
  }
}

/// How one dimension of `length` is put together.
std::vector<Stretch> stretches(int64_t length, const Pad& pad, PadMode mode) {
  // What circular padding repeats is what is left after cutting off.
  const bool cuts_first = mode == PadMode::Circular;
  const int64_t cut = cuts_first ? std::max<int64_t>(-pad[0], 0) : 0;
  const int64_t rest = cuts_first ? length - cut - std::max<int64_t>(-pad[1], 0) : length;
  const int64_t begin = cuts_first ? -std::max<int64_t>(pad[0], 0) : -pad[0];
  const int64_t end = cuts_first ? rest + std::max<int64_t>(pad[1], 0) : length + pad[1];
  std::vector<Stretch> out;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t from = source(i, rest, mode) + (mode == PadMode::Zeros ? 0 : cut);
    if (!out.empty()) {
      Stretch& last = out.back();
      if (from < 0 ? last.from < 0 : last.from >= 0 && from == last.from + last.length) {
        ++last.length;
        continue;
      }
    }
    out.push_back({i - begin, from, 1});
  }
  return out;
}

/// One dimension made larger.
Tensor padded(const Tensor& x, size_t dim, const Pad& pad, PadMode mode, const Scalar& value) {
  Dims sizes = x.sizes();
  sizes[dim] += pad[0] + pad[1];
  const Tensor out = new_result(sizes, x);
  if (out.numel() == 0) return out;
  const Kernels& kernels = kernels_of(x);
  for (const Stretch& s : stretches(x.sizes()[dim], pad, mode)) {
    const Tensor part = slice(out, dim, s.to, s.length);
    if (s.from < 0) {
      kernels.fill(part, value);
    } else {
      kernels.copy(slice(x, dim, s.from, s.length), part);
    }
  }
  return out;
}

/// The gradient of padded(): what the copies got goes back to where they came from.
Tensor unpadded(const Tensor& grad, size_t dim, const Pad& pad, PadMode mode) {
  const int64_t length = grad.sizes()[dim] - pad[0] - pad[1];
  if (mode == PadMode::Zeros && pad[0] >= 0 && pad[1] >= 0) {
    return slice(grad, dim, pad[0], length);
  }
  Dims sizes = grad.sizes();
  sizes[dim] = length;
  const Tensor out = zeros(sizes, grad.dtype(), grad.device());
  if (grad.numel() == 0 || out.numel() == 0) return out;
  std::vector<Stretch> parts = stretches(length, pad, mode);
  const auto longer = [](const Stretch& a, const Stretch& b) { return a.length < b.length; };
  std::iter_swap(parts.begin(), std::max_element(parts.begin(), parts.end(), longer));
  const Kernels& kernels = kernels_of(grad);
  bool first = true;
  for (const Stretch& s : parts) {
    if (s.from < 0) continue;
    const Tensor target = slice(out, dim, s.from, s.length);
    const Tensor arrived = slice(grad, dim, s.to, s.length);
    if (std::exchange(first, false)) {
      kernels.copy(arrived, target);
      continue;
    }
    const Tensor total = new_result(target.sizes(), target);
    kernels.binary(BinaryOp::Add, target, arrived, total);
    kernels.copy(total, target);
  }
  return out;
}

void check_rank(const Tensor& x, size_t count, PadMode mode, std::string_view op) {
  const size_t rank = x.sizes().size();
  if (mode == PadMode::Zeros) {
    NW_CHECK(rank >= count, "[", op, "] expects at least ", count, " dimensions to pad, gets ",
             rank);
    return;
  }
  NW_CHECK(count >= 1 && count <= 3, "[", op,
           "] pads 1 to 3 dimensions by their own elements, not ", count);
  // As in torch, whose circular mode knows no input without a batch.
  const bool batched = rank == count + 2;
  NW_CHECK(batched || (rank == count + 1 && mode != PadMode::Circular), "[", op, "] expects ",
           count + 2, " dimensions (N, C, …)",
           mode == PadMode::Circular ? std::string() : concat(" or ", count + 1), ", gets ", rank,
           " (", batched_text(x.sizes()), ")");
  // torch lets an unbatched input that reflects in one or two dimensions have no channel.
  const bool may_start_empty = batched || (mode == PadMode::Reflect && count < 3);
  for (size_t i = may_start_empty ? 1 : 0; i < rank && mode != PadMode::Circular; ++i) {
    NW_CHECK(x.sizes()[i] > 0, "[", op, "] cannot pad an empty input by its own elements, gets ",
             to_string(x.sizes()));
  }
}

void check_pad(int64_t length, const Pad& pad, PadMode mode, std::string_view op) {
  for (int64_t amount : pad) {
    NW_CHECK(mode != PadMode::Reflect || amount < length, "[", op, "] padding ", amount,
             " that reflects must be smaller than the input's size of ", length);
    NW_CHECK(mode != PadMode::Circular || amount <= length, "[", op, "] circular padding ", amount,
             " must be at most the input's size of ", length);
  }
  const int64_t cut = std::max<int64_t>(-pad[0], 0) + std::max<int64_t>(-pad[1], 0);
  const bool own = mode == PadMode::Reflect || mode == PadMode::Replicate;
  NW_CHECK(length + pad[0] + pad[1] >= 0 && (own || cut <= length), "[", op, "] a size of ", length,
           " cannot be padded by ", pad[0], " and ", pad[1]);
}

/// What PyTorch's list names: reflecting in one and two dimensions, and repeating edges.
autocast::Rules rules_of(const Pads& pads, PadMode mode) {
  const bool listed = mode == PadMode::Replicate || (mode == PadMode::Reflect && pads.size() <= 2);
  return listed ? autocast::kFloat32OnCpu : autocast::kWhole;
}

/// torch's rules for results without elements.
void check_result(const Tensor& x, const Pads& pads, PadMode mode, std::string_view op) {
  if (mode == PadMode::Circular) return;
  const size_t first = x.sizes().size() - pads.size();
  bool some = false;
  bool all = true;
  bool grows = false;
  for (size_t i = 0; i < pads.size(); ++i) {
    const bool any = x.sizes()[first + i] + pads[i][0] + pads[i][1] > 0;
    some = some || any;
    all = all && any;
    grows = grows || pads[i][0] > 0 || pads[i][1] > 0;
  }
  NW_CHECK(mode == PadMode::Zeros ? all || !grows : some, "[", op, "] padding leaves nothing of ",
           to_string(x.sizes()));
}

}  // namespace

Tensor pad(const Tensor& x, const Pads& pads, PadMode mode, std::string_view op,
           const Scalar& value) {
  if (const auto cast = autocast::run(rules_of(pads, mode), pad, x, pads, mode, op, value)) {
    return *cast;
  }
  NW_CHECK(x.defined(), "[", op, "] expects a tensor, gets none");
  if (mode == PadMode::Reflect || mode == PadMode::Replicate) check_inexact(x, op);
  check_rank(x, pads.size(), mode, op);
  const size_t first = x.sizes().size() - pads.size();
  for (size_t i = 0; i < pads.size(); ++i) check_pad(x.sizes()[first + i], pads[i], mode, op);
  check_result(x, pads, mode, op);
  Tensor out = x.detach();
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] != Pad{0, 0}) out = padded(out, first + i, pads[i], mode, value);
  }
  if (autograd::needs_record(x)) {
    autograd::record("pad", out, std::array{x}, std::array<Tensor, 0>{},
                     [first, pads, mode](const autograd::Node&, const Tensors& grads,
                                         Tensors& grad_inputs, const auto&) {
                       Tensor grad = grads[0];
                       for (size_t i = pads.size(); i-- > 0;) {
                         if (pads[i] == Pad{0, 0}) continue;
                         grad = unpadded(grad, first + i, pads[i], mode);
                       }
                       grad_inputs[0] = grad;
                     });
  }
  return out;
}

}  // namespace nw::ops
