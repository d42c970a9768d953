#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/loss_kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "CTCLoss";

/// One length for each sample, as int64.
Tensor lengths_of(const Tensor& given, int64_t samples, std::string_view what) {
  NW_CHECK(given.defined(), "[", kOp, "] expects ", what, ", gets none");
  NW_CHECK(is_whole(given.dtype()), "[", kOp, "] expects ", what, " as whole numbers, gets ",
           name(given.dtype()));
  NW_CHECK(given.numel() == samples, "[", kOp, "] expects ", what, " for ", samples,
           " samples, gets ", given.numel());
  return view_dense(raw::contiguous(raw::to(given, DType::Int64)), Dims{samples});
}

/// Most classes of a sample that the targets have room for.
int64_t room_of(const Tensor& targets, int64_t samples) {
  NW_CHECK(targets.dim() == 1 || targets.dim() == 2, "[", kOp,
           "] expects targets (N, S), or all in one row, gets ", to_string(targets.sizes()));
  if (targets.dim() == 1) return targets.numel();
  NW_CHECK(targets.sizes()[0] == samples, "[", kOp, "] expects targets for ", samples,
           " samples, gets ", targets.sizes()[0]);
  return targets.sizes()[1];
}

struct Batch {
  Tensor log_probs;  // (T, N, C)
  CtcTargets targets;
  int64_t room;
};

/// The batch as the kernel takes it.
Batch checked(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
              const Tensor& target_lengths, int64_t blank) {
  check_floating(log_probs, kOp);
  NW_CHECK(log_probs.dim() == 2 || log_probs.dim() == 3, "[", kOp,
           "] expects log-probabilities (T, N, C) or (T, C), gets ", to_string(log_probs.sizes()));
  NW_CHECK(targets.defined(), "[", kOp, "] expects targets, gets none");
  const Dims& sizes = log_probs.sizes();
  const int64_t samples = log_probs.dim() == 3 ? sizes[1] : 1;
  NW_CHECK(blank >= 0 && blank < sizes.back(), "[", kOp, "] blank must be one of ", sizes.back(),
           " classes, is ", blank);
  const int64_t room = room_of(targets, samples);
  CtcTargets given{raw::contiguous(raw::to(targets, DType::Int64)),
                   lengths_of(input_lengths, samples, "input_lengths"),
                   lengths_of(target_lengths, samples, "target_lengths"), blank};
  return {log_probs, std::move(given), room};
}

/// 0 where x is infinite, else x.
Tensor without_infinity(const Tensor& x) {
  const Tensor infinite = empty(x.sizes(), DType::Bool, x.device());
  kernels_of(x).unary(UnaryOp::IsInf, x, infinite);
  const Tensor zero = raw::expand(zeros({}, x.dtype(), x.device()), x.sizes());
  const Tensor out = new_result(x.sizes(), x);
  kernels_of(x).where(infinite, zero, x, out);
  return out;
}

/// −log P of each sample.
Tensor losses_of(const Batch& batch, bool zero_infinity) {
  const Dims& given = batch.log_probs.sizes();
  const Dims sizes{given[0], batch.targets.input_lengths.numel(), given.back()};
  const Tensor log_probs = view_dense(raw::contiguous(batch.log_probs), sizes);
  const Tensor losses = new_result(Dims{sizes[1]}, log_probs);
  const Tensor alphas = new_result(Dims{sizes[1], sizes[0], 2 * batch.room + 1}, log_probs);
  kernels_of(log_probs).loss->ctc(log_probs, batch.targets, losses, alphas);
  const Tensor out = zero_infinity ? without_infinity(losses) : losses;
  if (autograd::needs_record(batch.log_probs)) {
    autograd::record(kOp, out, std::array{batch.log_probs}, std::array{log_probs, losses, alphas},
                     [targets = batch.targets, zero_infinity, given](
                         const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                         const std::array<Tensor, 3>& saved) {
                       const Tensor grad = new_result(saved[0].sizes(), saved[0]);
                       kernels_of(grad).loss->ctc_grad(raw::contiguous(grads[0]), saved[0], targets,
                                                       saved[1], saved[2], zero_infinity, grad);
                       grad_inputs[0] = view_dense(grad, given);
                     });
  }
  return out;
}

}  // namespace

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32OnCpu, ctc_loss, log_probs, targets,
                                      input_lengths, target_lengths, options, reduction))
    return *cast;
  const Batch batch = checked(log_probs, targets, input_lengths, target_lengths, options.blank);
  const Tensor losses = losses_of(batch, options.zero_infinity);
  if (reduction == Reduction::None) return log_probs.dim() == 3 ? losses : reshape(losses, {});
  if (reduction == Reduction::Sum) return sum(losses);
  // Each loss by the length of its target, and then the mean.
  const Tensor lengths =
      raw::to(raw::to(batch.targets.target_lengths, log_probs.dtype()), log_probs.device());
  const Tensor divisors = new_result(lengths.sizes(), lengths);
  kernels_of(lengths).binary(
      BinaryOp::Maximum, lengths,
      raw::expand(full({}, 1, lengths.dtype(), lengths.device()), lengths.sizes()), divisors);
  return mean(div(losses, divisors));
}

}  // namespace nw::ops
