#include "core/backend/activation_kernels.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/in_place.h"

namespace nw::ops {
namespace {

/// The slope of each number, 1 above 0.
Tensor draw_factors(const Tensor& x, double lower, double upper, Generator& generator) {
  check_floating(x, "RReLU");
  const Tensor dense = raw::contiguous(x.detach());
  const Tensor factors = new_result(x.sizes(), x);
  kernels_of(x).activation->rrelu_factors(generator, lower, upper, dense, factors);
  return factors;
}

}  // namespace

Tensor rrelu(const Tensor& x, double lower, double upper, Generator& generator) {
  return mul(x, draw_factors(x, lower, upper, generator));
}

Tensor rrelu_(const Tensor& x, double lower, double upper, Generator& generator) {
  return mul_(x, draw_factors(x, lower, upper, generator));
}

}  // namespace nw::ops
