#include "core/optim/specs.h"

namespace nw::optim {
namespace {

nn::Registry<OptimizerSpec> register_all() {
  nn::Registry<OptimizerSpec> registry;
  registry.add(sgd_spec());
  registry.add(adam_spec());
  registry.add(adamw_spec());
  registry.add(rmsprop_spec());
  registry.add(adagrad_spec());
  registry.add(adadelta_spec());
  registry.add(adamax_spec());
  registry.add(nadam_spec());
  registry.add(radam_spec());
  registry.add(asgd_spec());
  registry.add(lbfgs_spec());
  return registry;
}

}  // namespace

const nn::Registry<OptimizerSpec>& optimizers() {
  static const nn::Registry<OptimizerSpec> registry = register_all();
  return registry;
}

}  // namespace nw::optim
