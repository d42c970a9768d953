#pragma once

#include "core/optim/optimizer.h"

/// The descriptions that register_optimizers.cpp collects; each is in the file of its family.
namespace nw::optim {

OptimizerSpec sgd_spec();
OptimizerSpec adam_spec();
OptimizerSpec adamw_spec();
OptimizerSpec adamax_spec();
OptimizerSpec nadam_spec();
OptimizerSpec radam_spec();
OptimizerSpec rmsprop_spec();
OptimizerSpec adagrad_spec();
OptimizerSpec adadelta_spec();
OptimizerSpec asgd_spec();
OptimizerSpec lbfgs_spec();

}  // namespace nw::optim
