#include <algorithm>
#include <limits>

#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

/// lr · factor when a metric has not got better for more than `patience` steps.
/// Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
class ReduceLROnPlateau final : public Scheduler {
 public:
  ReduceLROnPlateau(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        smaller_is_better_(args.text("mode") == "min"),
        factor_(args.real("factor")),
        patience_(args.integer("patience")),
        threshold_(args.real("threshold")),
        relative_(args.text("threshold_mode") == "rel"),
        cooldown_(args.integer("cooldown")),
        least_(args.real("min_lr")),
        eps_(args.real("eps")),
        best_(smaller_is_better_ ? kInfinity : -kInfinity) {}

  void step() override {
    throw Error("[ReduceLROnPlateau] expects a metric, such as the validation loss, in each step");
  }
  void step(double metric) override {
    set_last_epoch(last_epoch() + 1);
    ++bad_;
    if (is_better(metric)) {
      best_ = metric;
      bad_ = 0;
    }
    if (waiting_ > 0) {
      --waiting_;
      bad_ = 0;
    }
    if (bad_ <= patience_) return;
    for (size_t g = 0; g < optimizer().group_count(); ++g) {
      const double lower = std::max(rate(g) * factor_, least_);
      if (rate(g) - lower > eps_) set_rate(g, lower);
    }
    waiting_ = cooldown_;
    bad_ = 0;
  }

  StateEntries state_dict() const override {
    StateEntries out;
    out.set("last_epoch", {last_epoch()});
    out.set("best", {best_});
    out.set("num_bad_epochs", {bad_});
    out.set("cooldown_counter", {waiting_});
    return out;
  }
  void load_state_dict(const StateEntries& state) override {
    const double best = state.at("best").number();
    const double bad = state.at("num_bad_epochs").number();
    const double waiting = state.at("cooldown_counter").number();
    set_last_epoch(static_cast<int64_t>(state.at("last_epoch").number()));
    best_ = best;
    bad_ = static_cast<int64_t>(bad);
    waiting_ = static_cast<int64_t>(waiting);
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  void start() override { set_last_epoch(0); }
  void restart() override {
    throw Error("[ReduceLROnPlateau] has no place in a sequence of schedulers");
  }
  double next_rate(size_t group) override { return rate(group); }
  bool is_better(double metric) const {
    if (smaller_is_better_) {
      return metric < (relative_ ? best_ * (1 - threshold_) : best_ - threshold_);
    }
    return metric > (relative_ ? best_ * (threshold_ + 1) : best_ + threshold_);
  }

  bool smaller_is_better_;
  double factor_;
  int64_t patience_;
  double threshold_;
  bool relative_;
  int64_t cooldown_;
  double least_, eps_, best_;
  int64_t bad_ = 0;
  int64_t waiting_ = 0;
};

nn::Param steps_param(std::string name, int64_t fallback, std::string help) {
  nn::Param param = count_param(std::move(name), fallback, std::move(help));
  param.min = 0;
  return param;
}

}  // namespace

SchedulerSpec reduce_on_plateau_spec() {
  SchedulerSpec spec = scheduler_spec(
      "ReduceLROnPlateau", "Lowers the learning rate when nothing gets better any more.");
  spec.formula = "lr = lr · factor after `patience` epochs without a better metric";
  spec.when_to_use = "With the validation loss, when the number of epochs is open.";
  nn::Param factor = real_param("factor", 0.1, "What the learning rate is multiplied with.");
  factor.max = 1;
  factor.max_exclusive = true;
  spec.params = {
      {.name = "mode",
       .type = nn::ParamType::Choice,
       .fallback = std::string("min"),
       .help = "Whether a smaller or a larger metric is better.",
       .choices = {"min", "max"}},
      factor,
      steps_param("patience", 10, "Epochs without a better metric that are let pass."),
      real_param("threshold", 1e-4, "How much better is better."),
      {.name = "threshold_mode",
       .type = nn::ParamType::Choice,
       .fallback = std::string("rel"),
       .help = "Whether the threshold is a part of the best metric or a number of its own.",
       .choices = {"rel", "abs"}},
      steps_param("cooldown", 0, "Epochs after a fall that do not count."),
      real_param("min_lr", 0, "The lowest learning rate."),
      real_param("eps", 1e-8, "A fall that is smaller is left out."),
  };
  spec.needs_metric = true;
  spec.more_is_better = [](const nn::Args& args) { return args.text("mode") == "max"; };
  spec.make = make_started<ReduceLROnPlateau>;
  return spec;
}

}  // namespace nw::optim
