#include "core/optim/scheduler.h"

#include "core/optim/scheduler_parts.h"

namespace nw::optim {

void Scheduler::start() {
  base_rates_.clear();
  for (size_t g = 0; g < optimizer_.group_count(); ++g) {
    base_rates_.push_back(optimizer_.notes(g).try_emplace("initial_lr", rate(g)).first->second);
  }
  step_count_ = 0;
  Scheduler::step();
}

void Scheduler::set_rates(double (Scheduler::*rate_of)(size_t)) {
  begin_epoch();
  for (size_t g = 0; g < optimizer_.group_count(); ++g) set_rate(g, (this->*rate_of)(g));
}

void Scheduler::step() {
  ++step_count_;
  ++last_epoch_;
  set_rates(&Scheduler::next_rate);
}

void Scheduler::restart() {
  ++step_count_;
  last_epoch_ = 0;
  set_rates(&Scheduler::rate_from_start);
}

void Scheduler::step(double) {
  step();
}

void Scheduler::step_to(double) {
  throw Error("[Scheduler] this scheduler stands at whole epochs only");
}

std::vector<double> Scheduler::last_lr() const {
  std::vector<double> out;
  for (size_t g = 0; g < optimizer_.group_count(); ++g) out.push_back(rate(g));
  return out;
}

namespace {

StateValue list_of(const std::vector<double>& numbers) {
  StateValue::List items;
  for (double number : numbers) items.push_back({number});
  return {items};
}

}  // namespace

StateEntries Scheduler::state_dict() const {
  StateEntries out;
  out.set("base_lrs", list_of(base_rates_));
  out.set("last_epoch", {last_epoch_});
  out.set("_step_count", {step_count_});
  out.set("_last_lr", list_of(last_lr()));
  return out;
}

void Scheduler::load_state_dict(const StateEntries& state) {
  const StateValue::List& rates = state.at("base_lrs").list();
  NW_CHECK(rates.size() == optimizer_.group_count(), "[Scheduler] expects the rates of ",
           optimizer_.group_count(), " groups, gets ", rates.size());
  std::vector<double> read;
  for (const StateValue& value : rates) read.push_back(value.number());
  const auto epoch = static_cast<int64_t>(state.at("last_epoch").number());
  if (const StateValue* count = state.find("_step_count")) {
    step_count_ = static_cast<int64_t>(count->number());
  }
  base_rates_ = std::move(read);
  last_epoch_ = epoch;
}

std::unique_ptr<Scheduler> make_scheduler(std::string_view id, Optimizer& optimizer,
                                          const nn::Args& args) {
  const SchedulerSpec* spec = schedulers().find(id);
  NW_CHECK(spec != nullptr, "[Scheduler] '", id, "' is not the name of a scheduler");
  const std::vector<std::string> problems = spec->problems(args);
  NW_CHECK(problems.empty(), problems.front());
  return spec->make(optimizer, spec->complete(args));
}

}  // namespace nw::optim
