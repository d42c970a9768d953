#include <algorithm>

#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

/// One function for each group of `optimizer`.
std::vector<RateFunction> for_groups(const Optimizer& optimizer,
                                     std::vector<RateFunction> functions, std::string_view op) {
  if (functions.size() == 1) functions.resize(optimizer.group_count(), functions[0]);
  NW_CHECK(functions.size() == optimizer.group_count(), "[", op,
           "] expects a function for each of ", optimizer.group_count(), " groups, gets ",
           functions.size());
  return functions;
}

class LambdaLR final : public Scheduler {
 public:
  LambdaLR(Optimizer& optimizer, std::vector<RateFunction> functions)
      : Scheduler(optimizer), functions_(for_groups(optimizer, std::move(functions), "LambdaLR")) {}

 private:
  double next_rate(size_t group) override {
    return base_rate(group) * functions_[group](last_epoch());
  }

  std::vector<RateFunction> functions_;
};

class MultiplicativeLR final : public Scheduler {
 public:
  MultiplicativeLR(Optimizer& optimizer, std::vector<RateFunction> functions)
      : Scheduler(optimizer),
        functions_(for_groups(optimizer, std::move(functions), "MultiplicativeLR")) {}

 private:
  double next_rate(size_t group) override {
    return last_epoch() > 0 ? rate(group) * functions_[group](last_epoch()) : rate(group);
  }

  std::vector<RateFunction> functions_;
};

StateValue states_of(const std::vector<std::unique_ptr<Scheduler>>& schedulers) {
  StateValue::List out;
  for (const auto& scheduler : schedulers) {
    StateValue::List pairs;
    for (const auto& [name, value] : scheduler->state_dict()) {
      pairs.push_back({StateValue::List{{name}, value}});
    }
    out.push_back({pairs});
  }
  return {out};
}

void load_states(const std::vector<std::unique_ptr<Scheduler>>& schedulers,
                 const StateValue& value) {
  const StateValue::List& states = value.list();
  NW_CHECK(states.size() == schedulers.size(), "[Scheduler] expects the states of ",
           schedulers.size(), " schedulers, gets ", states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    StateEntries entries;
    for (const StateValue& pair : states[i].list()) {
      const StateValue::List& items = pair.list();
      const auto* name = items.size() == 2 ? std::get_if<std::string>(&items[0].held) : nullptr;
      NW_CHECK(name != nullptr, "[Scheduler] expects pairs of name and value in a state");
      entries.set(*name, items[1]);
    }
    schedulers[i]->load_state_dict(entries);
  }
}

}  // namespace

class SequentialLR final : public Scheduler {
 public:
  SequentialLR(Optimizer& optimizer, std::vector<std::unique_ptr<Scheduler>> schedulers,
               std::vector<int64_t> milestones)
      : Scheduler(optimizer), parts_(std::move(schedulers)), milestones_(std::move(milestones)) {
    NW_CHECK(!parts_.empty() && milestones_.size() + 1 == parts_.size(),
             "[SequentialLR] expects one scheduler more than milestones, gets ", parts_.size(),
             " and ", milestones_.size());
    for (const auto& part : parts_) {
      NW_CHECK(&part->optimizer() == &optimizer,
               "[SequentialLR] expects schedulers of one optimiser");
    }
  }

  void step() override {
    set_last_epoch(last_epoch() + 1);
    const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), last_epoch());
    const auto index = static_cast<size_t>(passed - milestones_.begin());
    if (index > 0 && milestones_[index - 1] == last_epoch()) {
      parts_[index]->restart();
    } else {
      parts_[index]->step();
    }
  }

  StateEntries state_dict() const override {
    StateEntries out;
    out.set("last_epoch", {last_epoch()});
    out.set("_schedulers", states_of(parts_));
    return out;
  }
  void load_state_dict(const StateEntries& state) override {
    load_states(parts_, state.at("_schedulers"));
    set_last_epoch(static_cast<int64_t>(state.at("last_epoch").number()));
  }

 private:
  void start() override {
    set_last_epoch(0);
    // The making of each part has taken a step, which is taken back; the first one takes it again.
    for (size_t g = 0; g < optimizer().group_count(); ++g) {
      set_rate(g, optimizer().notes(g).at("initial_lr"));
    }
    for (const auto& part : parts_) part->last_epoch_ -= 1;
    parts_[0]->Scheduler::step();
  }
  double next_rate(size_t group) override { return rate(group); }

  std::vector<std::unique_ptr<Scheduler>> parts_;
  std::vector<int64_t> milestones_;
};

namespace {

class ChainedScheduler final : public Scheduler {
 public:
  explicit ChainedScheduler(std::vector<std::unique_ptr<Scheduler>> schedulers)
      : Scheduler(schedulers.front()->optimizer()), parts_(std::move(schedulers)) {}

  void step() override {
    for (const auto& part : parts_) part->step();
  }
  StateEntries state_dict() const override {
    StateEntries out;
    out.set("_schedulers", states_of(parts_));
    return out;
  }
  void load_state_dict(const StateEntries& state) override {
    load_states(parts_, state.at("_schedulers"));
  }

 private:
  void start() override {}
  double next_rate(size_t group) override { return rate(group); }

  std::vector<std::unique_ptr<Scheduler>> parts_;
};

}  // namespace

std::unique_ptr<Scheduler> lambda_lr(Optimizer& optimizer, std::vector<RateFunction> functions) {
  return started<Scheduler>(std::make_unique<LambdaLR>(optimizer, std::move(functions)));
}

std::unique_ptr<Scheduler> multiplicative_lr(Optimizer& optimizer,
                                             std::vector<RateFunction> functions) {
  return started<Scheduler>(std::make_unique<MultiplicativeLR>(optimizer, std::move(functions)));
}

std::unique_ptr<Scheduler> sequential_lr(Optimizer& optimizer,
                                         std::vector<std::unique_ptr<Scheduler>> schedulers,
                                         std::vector<int64_t> milestones) {
  return started<Scheduler>(
      std::make_unique<SequentialLR>(optimizer, std::move(schedulers), std::move(milestones)));
}

std::unique_ptr<Scheduler> chained_scheduler(std::vector<std::unique_ptr<Scheduler>> schedulers) {
  NW_CHECK(!schedulers.empty(), "[ChainedScheduler] expects at least one scheduler");
  for (const auto& scheduler : schedulers) {
    NW_CHECK(&scheduler->optimizer() == &schedulers.front()->optimizer(),
             "[ChainedScheduler] expects schedulers of one optimiser");
  }
  return std::make_unique<ChainedScheduler>(std::move(schedulers));
}

}  // namespace nw::optim
