#include "core/ops/loss_parts.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"

namespace nw::ops {
namespace {

/// (rows, C, inner) of numbers with the classes in dimension 1, or in the only one.
Dims rows_of(const Tensor& x) {
  if (x.dim() == 1) return Dims{1, x.sizes()[0], 1};
  int64_t inner = 1;
  for (size_t i = 2; i < x.sizes().size(); ++i) inner *= x.sizes()[i];
  return Dims{x.sizes()[0], x.sizes()[1], inner};
}

}  // namespace

void check_real(const Tensor& x, std::string_view op) {
  NW_CHECK(x.defined() && !is_complex(x.dtype()), "[", op, "] expects real numbers, gets ",
           describe(x));
}

std::pair<Tensor, Tensor> promoted(const Tensor& x, const Tensor& target, std::string_view op) {
  NW_CHECK(x.defined() && target.defined(), "[", op, "] expects an answer and a target");
  const DType dtype = result_type(x, target);
  return {to(x, dtype), to(target, dtype)};
}

std::pair<Tensor, Tensor> promoted_as_equals(const Tensor& x, const Tensor& target,
                                             std::string_view op) {
  NW_CHECK(x.defined() && target.defined(), "[", op, "] expects an answer and a target");
  const DType dtype = promote_types(x.dtype(), target.dtype());
  return {to(x, dtype), to(target, dtype)};
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::None) return losses;
  return reduction == Reduction::Sum ? sum(losses) : mean(losses);
}

Tensor without_backward_of_two_dtypes(const Tensor& loss, const Tensor& x, const Tensor& target,
                                      std::string_view op) {
  if (x.dtype() == target.dtype() || !autograd::needs_record(x, target)) return loss;
  const Tensor out = loss.detach();
  autograd::record(
      op, out, std::array{loss}, std::array<Tensor, 0>{},
      [op, first = x.dtype(), second = target.dtype()](const autograd::Node&, const Tensors&,
                                                       Tensors&, const auto&) {
        throw Error(concat("[", op, "] backward expects an answer and a target of one ",
                           "dtype, gets ", name(first), " and ", name(second)));
      });
  return out;
}

void check_factor(const Tensor& factor, const Tensor& x, std::string_view what,
                  std::string_view op) {
  NW_CHECK(broadcast(factor.sizes(), x.sizes(), op) == x.sizes(), "[", op, "] expects a ", what,
           " that fits ", to_string(x.sizes()), ", gets ", to_string(factor.sizes()));
}

PickedClasses pick_classes(const Tensor& log_probs, const Tensor& target, const Tensor& weight,
                           int64_t ignore_index) {
  const Dims view = rows_of(log_probs);
  const Dims flat{view[0], view[2]};
  const Tensor classes = view_dense(raw::contiguous(target), flat);
  const Tensor dense_weight = weight.defined() ? raw::contiguous(weight) : weight;
  const PickedClasses out{new_result(target.sizes(), log_probs),
                          new_result(target.sizes(), log_probs)};
  if (target.numel() > 0) {
    kernels_of(log_probs).nll(view_dense(raw::contiguous(log_probs), view), classes, dense_weight,
                              ignore_index, view_dense(out.loss, flat),
                              view_dense(out.weights, flat));
  }
  if (autograd::needs_record(log_probs)) {
    autograd::record("nll", out.loss, std::array{log_probs}, std::array{classes, dense_weight},
                     [view, flat, sizes = log_probs.sizes(), ignore_index](
                         const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                         const std::array<Tensor, 2>& saved) {
                       const Tensor grad = view_dense(raw::contiguous(grads[0]), flat);
                       const Tensor grad_x = new_result(sizes, grad);
                       grad_inputs[0] = grad_x;
                       if (grad_x.numel() == 0) return;
                       kernels_of(grad).nll_grad(grad, saved[0], saved[1], ignore_index,
                                                 view_dense(grad_x, view));
                     });
  }
  return out;
}

}  // namespace nw::ops
