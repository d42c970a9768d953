#pragma once

#include "core/autograd/node.h"

namespace nw::autograd {

/// `tensor` where `input` wants a gradient, else nothing: what backward would read for that
/// gradient alone need be neither kept nor guarded against edits. For the saved tensors of
/// record().
inline Tensor kept_for(const Tensor& input, const Tensor& tensor) {
  return needs_record(input) ? tensor : Tensor();
}

}  // namespace nw::autograd
