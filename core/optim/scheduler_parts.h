#pragma once

#include "core/optim/params.h"
#include "core/optim/scheduler.h"

/// What the files of schedulers share, and the descriptions that register_schedulers.cpp collects.
namespace nw::optim {

/// `scheduler` after its first epoch was set.
template <typename T>
std::unique_ptr<T> started(std::unique_ptr<T> scheduler) {
  static_cast<Scheduler&>(*scheduler).start();
  return scheduler;
}

/// SchedulerSpec::make of `T`, made of an optimiser and complete arguments.
template <typename T>
std::unique_ptr<Scheduler> make_started(Optimizer& optimizer, const nn::Args& args) {
  return started<Scheduler>(std::make_unique<T>(optimizer, args));
}

/// A count of at least 1.
nn::Param count_param(std::string name, nn::Value fallback, std::string help);
/// "StepLR" and what follows from it.
SchedulerSpec scheduler_spec(std::string id, std::string summary);

SchedulerSpec step_lr_spec();
SchedulerSpec multi_step_lr_spec();
SchedulerSpec constant_lr_spec();
SchedulerSpec linear_lr_spec();
SchedulerSpec exponential_lr_spec();
SchedulerSpec polynomial_lr_spec();
SchedulerSpec cosine_annealing_lr_spec();
SchedulerSpec cosine_warm_restarts_spec();
SchedulerSpec cyclic_lr_spec();
SchedulerSpec one_cycle_lr_spec();
SchedulerSpec reduce_on_plateau_spec();

}  // namespace nw::optim
