#include "core/optim/optimizer.h"

namespace nw::optim {

Optimizer::Optimizer(std::vector<Tensor> params) : params_(std::move(params)) {
  NW_CHECK(!params_.empty(), "[Optimizer] expects at least one parameter to learn, gets none");
  for (const Tensor& param : params_) {
    NW_CHECK(param.defined() && param.is_leaf() && param.requires_grad() && param.is_contiguous(),
             "[Optimizer] expects dense leaves that require a gradient, gets ", describe(param));
  }
}

void Optimizer::zero_grad() {
  for (const Tensor& param : params_) param.set_grad({});
}

}  // namespace nw::optim
