#include "core/optim/adam.h"
#include "core/optim/sgd.h"

namespace nw::optim {
namespace {

nn::Registry<OptimizerSpec> register_all() {
  nn::Registry<OptimizerSpec> registry;
  registry.add(sgd_spec());
  registry.add(adam_spec());
  return registry;
}

}  // namespace

const nn::Registry<OptimizerSpec>& optimizers() {
  static const nn::Registry<OptimizerSpec> registry = register_all();
  return registry;
}

}  // namespace nw::optim
