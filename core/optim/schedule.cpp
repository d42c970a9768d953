#include "core/optim/schedule.h"

namespace nw::optim {
namespace {

template <typename Items, typename Name>
std::string joined(const Items& items, const Name& name) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + name(item);
  return text.empty() ? "none" : text;
}

/// Throws Error for a scheduler that would undo what another one does.
void check_together(const std::vector<ScheduleItem>& items) {
  for (const ScheduleItem& item : items) {
    NW_CHECK(items.size() == 1 || !item.spec->sets_rate, "[", item.spec->id,
             "] sets the learning rate anew at each step, so it expects to be the only scheduler, "
             "without a warm-up; the run has ",
             joined(items, [](const ScheduleItem& each) { return each.spec->id; }));
  }
}

}  // namespace

ScheduleItem warmup_item(int64_t batches) {
  const double first = 1 / static_cast<double>(batches + 1);
  return {schedulers().find("LinearLR"),
          {{"start_factor", first}, {"total_iters", batches}},
          StepAt::Batch};
}

Schedule::Schedule(const std::vector<ScheduleItem>& items, Optimizer& optimizer, Length length)
    : length_(length) {
  check_together(items);
  for (const ScheduleItem& given : items) {
    ScheduleItem item = given;
    if (item.spec->fit != nullptr) item.spec->fit(length.epochs, length.batches, item.args);
    item.args = item.spec->complete(item.args);
    auto scheduler = make_scheduler(item.spec->id, optimizer, item.args);
    parts_.push_back({std::move(item), std::move(scheduler)});
  }
}

void Schedule::check_length() const {
  for (const Part& part : parts_) {
    const auto most = part.scheduler->most_steps();
    const int64_t steps =
        part.item.step_at == StepAt::Epoch ? length_.epochs : length_.epochs * length_.batches;
    NW_CHECK(!most || *most >= steps, "[", part.item.spec->id, "] is made for ", *most,
             " steps, the run has ", steps, " (epochs: ", length_.epochs,
             ", batches of each: ", length_.batches,
             "); leave total_steps away, and it takes them all");
  }
}

void Schedule::after_batch(int64_t epoch, int64_t batch) {
  for (const Part& part : parts_) {
    if (part.item.step_at == StepAt::Batch) part.scheduler->step();
    if (part.item.step_at == StepAt::Fraction) {
      const double share = static_cast<double>(batch) / static_cast<double>(length_.batches);
      part.scheduler->step_to(static_cast<double>(epoch - 1) + share);
    }
  }
}

bool Schedule::Part::more_is_better() const {
  return item.spec->more_is_better != nullptr && item.spec->more_is_better(item.args);
}

void Schedule::check_figures(bool has_loss, bool has_accuracy) const {
  for (const Part& part : parts_) {
    if (!part.item.spec->needs_metric) continue;
    const bool more = part.more_is_better();
    NW_CHECK(more ? has_accuracy : has_loss, "[", part.item.spec->id, "] looks at the ",
             more ? "accuracy" : "loss", " of the validation, of which this run has none");
  }
}

void Schedule::after_epoch(const Figures& figures) {
  for (const Part& part : parts_) {
    if (part.item.step_at != StepAt::Epoch) continue;
    if (part.item.spec->needs_metric) {
      part.scheduler->step((part.more_is_better() ? figures.accuracy : figures.loss).value());
    } else {
      part.scheduler->step();
    }
  }
}

Schedule::State Schedule::state() const {
  State out;
  for (const Part& part : parts_) {
    out.emplace_back(part.item.spec->id, part.scheduler->state_dict());
  }
  return out;
}

void Schedule::load_state(const State& state) {
  const auto names_given = joined(state, [](const auto& entry) { return entry.first; });
  const auto names = joined(parts_, [](const Part& part) { return part.item.spec->id; });
  NW_CHECK(names == names_given, "[run] the checkpoint was made with other schedulers (",
           names_given, ") than this run has (", names, "); a run goes on with those that it had");
  for (size_t i = 0; i < state.size(); ++i) parts_[i].scheduler->load_state_dict(state[i].second);
}

}  // namespace nw::optim
