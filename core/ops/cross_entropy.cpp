#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"
#include "core/ops/softmax.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "CrossEntropyLoss";

/// Scores with the classes in dimension 1 seen as (rows, C, inner).
Dims rows_of(const Tensor& x) {
  if (x.dim() == 1) return Dims{1, x.sizes()[0], 1};
  int64_t inner = 1;
  for (size_t i = 2; i < x.sizes().size(); ++i) inner *= x.sizes()[i];
  return Dims{x.sizes()[0], x.sizes()[1], inner};
}

int64_t class_dim(const Tensor& x) {
  return x.dim() == 1 ? 0 : 1;
}

/// Sizes of the targets, and of the losses without reduction: those of the scores without classes.
Dims target_sizes(const Tensor& x) {
  Dims sizes = x.sizes();
  sizes.erase(static_cast<size_t>(class_dim(x)));
  return sizes;
}

void check(const Tensor& x, const Tensor& target, const CrossEntropyOptions& options) {
  check_floating(x, kOp);
  NW_CHECK(target.defined(), "[", kOp, "] expects targets, gets none");
  NW_CHECK(x.dim() >= 1, "[", kOp, "] expects scores (N, C) or (C), gets a scalar");
  NW_CHECK(x.device() == target.device(), "[", kOp, "] expects tensors on one device, gets ",
           to_string(x.device()), " and ", to_string(target.device()));
  if (target.dtype() == DType::Int64) {
    const Dims sizes = target_sizes(x);
    NW_CHECK(target.sizes() == sizes, "[", kOp, "] expects classes of sizes ", to_string(sizes),
             " for scores of ", to_string(x.sizes()), ", gets ", to_string(target.sizes()));
  } else {
    NW_CHECK(is_floating(target.dtype()) && target.sizes() == x.sizes(), "[", kOp,
             "] expects classes as int64 ", to_string(target_sizes(x)), " or probabilities as ",
             describe(x), ", gets ", describe(target));
    NW_CHECK(options.ignore_index < 0, "[", kOp, "] cannot ignore a class (ignore_index ",
             options.ignore_index, ") where targets are probabilities");
  }
  NW_CHECK(!(options.label_smoothing > 1), "[", kOp, "] label_smoothing must be at most 1, is ",
           options.label_smoothing);
  if (!options.weight.defined()) return;
  check_alike(x, options.weight, kOp);
  const int64_t classes = x.sizes()[static_cast<size_t>(class_dim(x))];
  NW_CHECK(options.weight.dim() == 1 && options.weight.sizes()[0] == classes, "[", kOp,
           "] expects a weight for each of ", classes, " classes, gets ",
           to_string(options.weight.sizes()));
}

/// x where `kept` is 1, else 0 whatever x is; so is its gradient.
Tensor keep(const Tensor& x, const Tensor& kept) {
  const auto select = [](const Tensor& values, const Tensor& mask) {
    const Tensor out = new_result(values.sizes(), values);
    kernels_of(out).binary(BinaryOp::ReluGrad, values, mask, out);
    return out;
  };
  const Tensor out = select(x, kept);
  if (autograd::needs_record(x)) {
    autograd::record("keep", out, std::array{x}, std::array{kept},
                     [select](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                              const std::array<Tensor, 1>& saved) {
                       grad_inputs[0] = select(grads[0], saved[0]);
                     });
  }
  return out;
}

/// The class weights seen so that they broadcast over the scores.
Tensor weight_like(const Tensor& weight, const Tensor& x) {
  Dims sizes(x.sizes().size(), 1);
  sizes[static_cast<size_t>(class_dim(x))] = weight.numel();
  return view_dense(raw::contiguous(weight), sizes);
}

/// −Σ over the classes of log_probs · w.
Tensor minus_class_sum(const Tensor& log_probs, const Tensor& weight) {
  const Tensor weighted =
      weight.defined() ? mul(log_probs, weight_like(weight, log_probs)) : log_probs;
  return neg(sum(weighted, Dims{class_dim(log_probs)}));
}

Tensor with_classes(const Tensor& x, const Tensor& target, const CrossEntropyOptions& options) {
  const Tensor log_probs = log_softmax(x, class_dim(x));
  const PickedClasses picked =
      pick_classes(log_probs, target, options.weight, options.ignore_index);
  Tensor loss = picked.loss;
  if (options.label_smoothing > 0) {
    const Tensor kept =
        options.weight.defined()
            ? pick_classes(log_probs.detach(), target, {}, options.ignore_index).weights
            : picked.weights;
    const Tensor spread = keep(minus_class_sum(log_probs, options.weight), kept);
    const auto classes = static_cast<double>(rows_of(x)[1]);
    loss = loss * (1 - options.label_smoothing) + spread * (options.label_smoothing / classes);
  }
  if (options.reduction == Reduction::None) return loss;
  if (options.reduction == Reduction::Sum) return sum(loss);
  return div(sum(loss), sum(picked.weights));
}

Tensor with_probabilities(const Tensor& x, const Tensor& target,
                          const CrossEntropyOptions& options) {
  const Dims view = rows_of(x);
  const double smoothing = options.label_smoothing;
  const Tensor wanted =
      smoothing > 0 ? affine(target, 1 - smoothing, smoothing / static_cast<double>(view[1]))
                    : target;
  const Tensor loss = minus_class_sum(mul(log_softmax(x, class_dim(x)), wanted), options.weight);
  if (options.reduction == Reduction::None) return loss;
  if (options.reduction == Reduction::Sum) return sum(loss);
  return sum(loss) / static_cast<double>(view[0] * view[2]);
}

bool has_fused_form(const Tensor& x, const Tensor& target, const CrossEntropyOptions& options) {
  return x.dim() == 2 && target.dtype() == DType::Int64 && !options.weight.defined() &&
         !(options.label_smoothing > 0) && options.reduction == Reduction::Mean && x.numel() > 0 &&
         kernels_of(x).cross_entropy != nullptr;
}

/// Loss and gradient in one pass over the scores.
Tensor fused(const Tensor& x, const Tensor& target, int64_t ignore_index) {
  const Tensor loss = new_result({}, x);
  const Tensor grad_x = new_result(x.sizes(), x);
  kernels_of(x).cross_entropy(raw::contiguous(x), raw::contiguous(target), ignore_index, loss,
                              grad_x);
  if (autograd::needs_record(x)) {
    autograd::record(kOp, loss, std::array{x}, std::array{grad_x},
                     [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                        const std::array<Tensor, 1>& saved) {
                       const Tensor scaled = new_result(saved[0].sizes(), saved[0]);
                       kernels_of(scaled).binary(BinaryOp::Mul, saved[0],
                                                 raw::expand(grads[0], scaled.sizes()), scaled);
                       grad_inputs[0] = scaled;
                     });
  }
  return loss;
}

}  // namespace

Tensor cross_entropy(const Tensor& x, const Tensor& given, const CrossEntropyOptions& options) {
  if (const auto cast = autocast::run(autocast::kFloat32, cross_entropy, x, given, options))
    return *cast;
  // PyTorch takes classes of 8 bits, too, and does not look at the dtype of none.
  const bool odd_classes = x.defined() && given.defined() && given.sizes() != x.sizes() &&
                           (given.dtype() == DType::UInt8 || given.numel() == 0);
  const Tensor target = odd_classes ? raw::to(given, DType::Int64) : given;
  check(x, target, options);
  if (has_fused_form(x, target, options)) return fused(x, target, options.ignore_index);
  if (target.dtype() == DType::Int64) return with_classes(x, target, options);
  return with_probabilities(x, target, options);
}

}  // namespace nw::ops
