#include "core/ops/similarity.h"

#include <cmath>

#include "core/autograd/record.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// max(‖x‖, |eps|) along `dim`, which stays. Its slope is x over the result also where eps is
/// larger, as PyTorch has it.
Tensor length_of(const Tensor& x, int64_t dim, double eps) {
  Tensor out;
  {
    const autograd::NoGrad no_grad;
    out = clamp(norm(x, 2, Dims{dim}, Keep::Yes), Scalar(std::abs(eps)), std::nullopt);
  }
  if (autograd::needs_record(x)) {
    autograd::record("CosineSimilarity", out, std::array{x}, std::array{x, out},
                     [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                        const std::array<Tensor, 2>& saved) {
                       grad_inputs[0] = mul(div(grads[0], saved[1]), saved[0]);
                     });
  }
  return out;
}

}  // namespace

Tensor cosine_similarity(const Tensor& first, const Tensor& second, int64_t dim, double eps) {
  if (const auto cast =
          autocast::run(autocast::kFloat32OnGpu, cosine_similarity, first, second, dim, eps))
    return *cast;
  constexpr std::string_view kOp = "CosineSimilarity";
  NW_CHECK(first.defined() && second.defined(), "[", kOp, "] expects two tensors, gets one");
  const DType dtype = promote_types(first.dtype(), second.dtype());
  const Tensor a = to(first, dtype);
  const Tensor b = to(second, dtype);
  check_alike(a, b, kOp);
  const Dims sizes = broadcast(a.sizes(), b.sizes(), kOp);
  const int64_t along = wrap_dim(dim, static_cast<int64_t>(sizes.size()), kOp);
  const Tensor x = expand(a, sizes);
  const Tensor y = expand(b, sizes);
  if (sizes.empty()) {
    return mul(div(x, length_of(x, 0, eps)), div(y, length_of(y, 0, eps)));
  }
  return sum(mul(div(x, length_of(x, along, eps)), div(y, length_of(y, along, eps))), Dims{along});
}

}  // namespace nw::ops
