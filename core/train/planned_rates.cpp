#include "core/train/planned_rates.h"

#include <algorithm>
#include <cmath>

#include "core/backend/creation.h"

namespace nw::train {
namespace {

/// Of one epoch, behind the split; 0 where it is not known.
int64_t batches_of(const graph::RunSettings& settings, int64_t samples) {
  const double share = std::floor(settings.validation * static_cast<double>(samples));
  const int64_t left = samples - static_cast<int64_t>(share);
  return (left + settings.batch_size - 1) / settings.batch_size;
}

}  // namespace

PlannedRates planned_rates(const graph::RunSettings& settings, int64_t train_samples,
                           int64_t most) {
  // What waits for a metric does nothing here.
  std::vector<optim::ScheduleItem> items = graph::find_schedule(settings);
  PlannedRates plan;
  plan.depends_on_validation =
      std::erase_if(items, [](const auto& item) { return item.spec->needs_metric; }) > 0;
  const bool by_batch = std::any_of(items.begin(), items.end(), [](const auto& item) {
    return item.step_at != optim::StepAt::Epoch;
  });
  if (by_batch) plan.per_epoch = batches_of(settings, train_samples);
  if (plan.per_epoch == 0) return plan;

  nn::Args args;
  const optim::OptimizerSpec& spec = graph::find_optimizer(settings.optimizer, args);
  const auto optimizer = spec.make({zeros({1}).set_requires_grad()}, args);
  optim::Schedule schedule(items, *optimizer, {settings.epochs, plan.per_epoch});
  schedule.check_length();
  for (int64_t epoch = 1; epoch <= settings.epochs; ++epoch) {
    for (int64_t batch = 1; batch <= plan.per_epoch; ++batch) {
      if (static_cast<int64_t>(plan.rates.size()) == most) return plan;
      plan.rates.push_back(optimizer->learning_rate());
      schedule.after_batch(epoch, batch);
    }
    schedule.after_epoch({});
  }
  return plan;
}

}  // namespace nw::train
