#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

nn::Registry<SchedulerSpec> register_all() {
  nn::Registry<SchedulerSpec> registry;
  registry.add(step_lr_spec());
  registry.add(multi_step_lr_spec());
  registry.add(exponential_lr_spec());
  registry.add(cosine_annealing_lr_spec());
  registry.add(cosine_warm_restarts_spec());
  registry.add(one_cycle_lr_spec());
  registry.add(cyclic_lr_spec());
  registry.add(linear_lr_spec());
  registry.add(constant_lr_spec());
  registry.add(polynomial_lr_spec());
  registry.add(reduce_on_plateau_spec());
  return registry;
}

}  // namespace

const nn::Registry<SchedulerSpec>& schedulers() {
  static const nn::Registry<SchedulerSpec> registry = register_all();
  return registry;
}

}  // namespace nw::optim
