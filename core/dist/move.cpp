#include "core/dist/move.h"

#include <array>

#include "core/autograd/record.h"
#include "core/backend/creation.h"

namespace nw::dist {

Tensor moved_to(const Tensor& x, Device device) {
  if (!x.defined() || x.device() == device) return x;
  const Tensor moved = raw::to(x, device);
  if (!autograd::needs_record(x)) return moved;
  autograd::record(
      "moved_to", moved, std::array{x}, std::array<Tensor, 0>{},
      [from = x.device()](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                          const auto&) { grad_inputs[0] = raw::to(grads[0], from); });
  return moved;
}

}  // namespace nw::dist
