#pragma once

#include "core/optim/optimizer.h"

/// Parameters that the descriptions of several optimisers share.
namespace nw::optim {

nn::Param lr_param(double fallback);
nn::Param eps_param(double fallback);
nn::Param weight_decay_param(double fallback = 0);
nn::Param maximize_param();
/// beta1 and beta2, which torch takes as betas.
nn::Param beta1_param();
nn::Param beta2_param();
/// A number of at least 0.
nn::Param real_param(std::string name, double fallback, std::string help);
nn::Param flag_param(std::string name, std::string help);

}  // namespace nw::optim
