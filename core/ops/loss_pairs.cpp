#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/distance.h"
#include "core/ops/elementwise.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// Keeps the product of two lengths from being 0; PyTorch's.
constexpr double kLeastSquare = 1e-12;

Tensor not_negative(const Tensor& x) {
  return clamp(x, 0, std::nullopt);
}

}  // namespace

Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, double margin,
                            Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, hinge_embedding_loss, x, target, margin, reduction))
    return *cast;
  check_real(x, "HingeEmbeddingLoss");
  NW_CHECK(x.dtype() != DType::Bool, "[HingeEmbeddingLoss] expects numbers, gets bool");
  // torch makes the margin a number of x's dtype: of whole numbers a whole one.
  const Scalar edge =
      is_floating(x.dtype()) ? Scalar(margin) : Scalar(static_cast<int64_t>(margin));
  const Tensor apart = where(ne(target, 1), not_negative(sub(edge, x)), 0);
  return reduced(add(apart, where(ne(target, -1), x, 0)), reduction);
}

Tensor cosine_embedding_loss(const Tensor& a, const Tensor& second, const Tensor& target,
                             double margin, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, cosine_embedding_loss, a, second, target,
                                      margin, reduction))
    return *cast;
  constexpr std::string_view kOp = "CosineEmbeddingLoss";
  check_real(a, kOp);
  check_real(second, kOp);
  const int64_t rank = target.dim();
  // For one target PyTorch takes a number as a vector.
  const Tensor b = rank == 0 && second.dim() == 0 ? reshape(second, Dims{1}) : second;
  NW_CHECK(rank <= 1 && a.dim() == rank + 1 && b.dim() > rank, "[", kOp,
           "] expects (N, D), (N, D) and targets (N), or (D), (D) and one target, gets ",
           to_string(a.sizes()), ", ", to_string(b.sizes()), " and ", to_string(target.sizes()));
  const Dims last{rank};
  const Tensor squares =
      mul(add(sum(mul(a, a), last), kLeastSquare), add(sum(mul(b, b), last), kLeastSquare));
  const Tensor cosine = div(sum(mul(a, b), last), sqrt(squares));
  const Tensor like = where(eq(target, 1), sub(1, cosine), 0);
  const Tensor unlike = where(eq(target, -1), not_negative(sub(cosine, margin)), 0);
  return reduced(add(like, unlike), reduction);
}

Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target, double margin,
                           Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, margin_ranking_loss, a, b, target, margin, reduction))
    return *cast;
  constexpr std::string_view kOp = "MarginRankingLoss";
  check_real(a, kOp);
  NW_CHECK(a.dim() == b.dim() && a.dim() == target.dim(), "[", kOp,
           "] expects three tensors with as many dimensions, gets ", to_string(a.sizes()), ", ",
           to_string(b.sizes()), " and ", to_string(target.sizes()));
  return reduced(not_negative(add(mul(neg(target), sub(a, b)), margin)), reduction);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginOptions& options, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, triplet_margin_loss, anchor, positive,
                                      negative, options, reduction))
    return *cast;
  constexpr std::string_view kOp = "TripletMarginLoss";
  check_real(anchor, kOp);
  NW_CHECK(anchor.dim() == positive.dim() && anchor.dim() == negative.dim(), "[", kOp,
           "] expects three tensors with as many dimensions, gets ", to_string(anchor.sizes()),
           ", ", to_string(positive.sizes()), " and ", to_string(negative.sizes()));
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return pairwise_distance(a, b, options.p, options.eps);
  };
  const Tensor near = distance(anchor, positive);
  Tensor far = distance(anchor, negative);
  if (options.swap) far = minimum(far, distance(positive, negative));
  return reduced(not_negative(sub(add(near, options.margin), far)), reduction);
}

}  // namespace nw::ops
