#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "NLLLoss";

void check(const Tensor& x, const Tensor& target, const Tensor& weight) {
  check_floating(x, kOp);
  NW_CHECK(target.defined(), "[", kOp, "] expects targets, gets none");
  NW_CHECK(x.dim() >= 1, "[", kOp, "] expects log-probabilities (N, C, …) or (C), gets a scalar");
  // torch has code for uint8 where there are no dimensions behind the classes.
  const bool takes_bytes = x.dim() <= 2;
  const bool whole =
      target.dtype() == DType::Int64 || (takes_bytes && target.dtype() == DType::UInt8);
  NW_CHECK(whole || x.numel() == 0, "[", kOp, "] expects classes as int64",
           takes_bytes ? " or uint8" : "", ", gets ", name(target.dtype()));
  Dims sizes = x.sizes();
  const size_t classes_at = x.dim() == 1 ? 0 : 1;
  const int64_t classes = sizes[classes_at];
  sizes.erase(classes_at);
  NW_CHECK(target.sizes() == sizes, "[", kOp, "] expects classes of sizes ", to_string(sizes),
           " for log-probabilities of ", to_string(x.sizes()), ", gets ",
           to_string(target.sizes()));
  if (!weight.defined()) return;
  check_alike(x, weight, kOp);
  NW_CHECK(weight.dim() == 1 && weight.sizes()[0] == classes, "[", kOp,
           "] expects a weight for each of ", classes, " classes, gets ",
           to_string(weight.sizes()));
}

}  // namespace

Tensor nll_loss(const Tensor& log_probs, const Tensor& given, const Tensor& weight,
                int64_t ignore_index, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, nll_loss, log_probs, given, weight,
                                      ignore_index, reduction))
    return *cast;
  check(log_probs, given, weight);
  const Tensor target = raw::to(given, DType::Int64);
  const PickedClasses picked = pick_classes(log_probs, target, weight, ignore_index);
  if (reduction == Reduction::None) return picked.loss;
  if (reduction == Reduction::Sum) return sum(picked.loss);
  return div(sum(picked.loss), sum(picked.weights));
}

}  // namespace nw::ops
