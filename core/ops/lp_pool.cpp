#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/elementwise.h"
#include "core/ops/pool.h"

namespace nw::ops {

Tensor lp_pool(const Tensor& x, double norm_type, const Window& window, Rounding rounding) {
  int64_t size = 1;
  for (int64_t extent : window.kernel) size *= extent;
  NW_CHECK(norm_type != 0, "[LPPool] norm_type cannot be 0");
  const Tensor mean = avg_pool(pow(x, norm_type), window, rounding, {});
  // The sum's sign may be lost in the root, never the root's own: torch's formula.
  const Tensor signless = mul(sign(mean), relu(abs(mean)));
  return pow(affine(signless, static_cast<double>(size), 0), 1.0 / norm_type);
}

}  // namespace nw::ops
