#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/loss_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// (rows, C) of scores (N, C), (C) or a scalar. Throws Error for others, and for no classes.
Dims rows_of(const Tensor& x, std::string_view op) {
  check_floating(x, op);
  const bool fits = x.dim() <= 2 && (x.dim() == 0 || x.sizes().back() > 0);
  NW_CHECK(fits, "[", op, "] expects scores (N, C) or (C) with at least one class, gets ",
           to_string(x.sizes()));
  return x.dim() == 2 ? x.sizes() : Dims{1, x.numel()};
}

void check_target(const Tensor& target, const Dims& sizes, std::string_view op) {
  NW_CHECK(target.defined() && target.dtype() == DType::Int64 && target.sizes() == sizes, "[", op,
           "] expects classes as int64 ", to_string(sizes), ", gets ",
           target.defined() ? describe(target) : std::string("none"));
}

Tensor dense(const Tensor& x, const Dims& sizes) {
  return view_dense(raw::contiguous(x), sizes);
}

}  // namespace

Tensor multi_margin_loss(const Tensor& x, const Tensor& target, const MultiMarginOptions& options,
                         Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, multi_margin_loss, x, target, options, reduction))
    return *cast;
  constexpr std::string_view kOp = "MultiMarginLoss";
  NW_CHECK(options.p == 1 || options.p == 2, "[", kOp, "] p must be 1 or 2, is ", options.p);
  const Dims rows = rows_of(x, kOp);
  // PyTorch takes one target without dimensions for one row, too.
  NW_CHECK(target.defined(), "[", kOp, "] expects targets, gets none");
  const Dims sizes = rows[0] == 1 && target.dim() == 0 ? Dims{} : Dims{rows[0]};
  // PyTorch does not look at the dtype of no targets.
  const Tensor wanted = target.numel() == 0 ? raw::to(target, DType::Int64) : target;
  check_target(wanted, sizes, kOp);
  Tensor weight = options.weight;
  if (weight.defined()) {
    check_alike(x, weight, kOp);
    NW_CHECK(weight.dim() == 1, "[", kOp, "] expects a weight for each of ", rows[1],
             " classes, gets ", to_string(weight.sizes()));
    weight = raw::contiguous(weight);
  }
  const Tensor scores = dense(x, rows);
  const Tensor classes = dense(wanted, Dims{rows[0]});
  const Tensor losses = new_result(sizes, x);
  kernels_of(x).loss->multi_margin(scores, classes, weight, options.p, options.margin,
                                   view_dense(losses, Dims{rows[0]}));
  if (needs_record(x)) {
    record(kOp, losses, std::array{x}, std::array{scores, classes, weight},
           [p = options.p, margin = options.margin, sizes_of_x = x.sizes()](
               const Node&, const Tensors& grads, Tensors& grad_inputs,
               const std::array<Tensor, 3>& saved) {
             const Tensor grad = new_result(saved[0].sizes(), saved[0]);
             kernels_of(grad).loss->multi_margin_grad(dense(grads[0], Dims{saved[0].size(0)}),
                                                      saved[0], saved[1], saved[2], p, margin,
                                                      grad);
             grad_inputs[0] = view_dense(grad, sizes_of_x);
           });
  }
  return reduced(losses, reduction);
}

Tensor multilabel_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, multilabel_margin_loss, x, target, reduction))
    return *cast;
  constexpr std::string_view kOp = "MultiLabelMarginLoss";
  const Dims rows = rows_of(x, kOp);
  // PyTorch does not look at the dtype of no targets.
  const bool none = target.defined() && target.numel() == 0;
  const Tensor wanted = none ? raw::to(target, DType::Int64) : target;
  // PyTorch takes one label without dimensions, or with one, for either kind of one score.
  const bool one = x.dim() <= 1 && x.numel() == 1 && target.defined() && target.dim() <= 1;
  check_target(wanted, one ? target.sizes() : x.sizes(), kOp);
  NW_CHECK(wanted.numel() == x.numel(), "[", kOp, "] expects as many labels as scores, gets ",
           describe(wanted));
  const Tensor scores = dense(x, rows);
  const Tensor classes = dense(wanted, rows);
  const Tensor losses = new_result(x.dim() == 2 ? Dims{rows[0]} : Dims{}, x);
  kernels_of(x).loss->multi_label_margin(scores, classes, view_dense(losses, Dims{rows[0]}));
  if (needs_record(x)) {
    record(kOp, losses, std::array{x}, std::array{scores, classes},
           [sizes_of_x = x.sizes()](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                    const std::array<Tensor, 2>& saved) {
             const Tensor grad = new_result(saved[0].sizes(), saved[0]);
             kernels_of(grad).loss->multi_label_margin_grad(dense(grads[0], Dims{saved[0].size(0)}),
                                                            saved[0], saved[1], grad);
             grad_inputs[0] = view_dense(grad, sizes_of_x);
           });
  }
  // PyTorch adds up in the kernel: of nothing that is 0.
  if (reduction == Reduction::Mean && losses.numel() == 0) return sum(losses);
  return reduced(losses, reduction);
}

}  // namespace nw::ops
