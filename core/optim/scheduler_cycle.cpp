#include <cmath>
#include <numbers>

#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

bool has_momentum(const Optimizer& optimizer) {
  return optimizer.spec().find("momentum") != nullptr;
}

bool steps_are_known(const nn::Args& args) {
  return !args.is_none("total_steps") ||
         (!args.is_none("epochs") && !args.is_none("steps_per_epoch"));
}

int64_t total_steps(const nn::Args& args) {
  NW_CHECK(steps_are_known(args),
           "[OneCycleLR] total_steps, or epochs and steps_per_epoch, must be given");
  if (!args.is_none("total_steps")) return args.integer("total_steps");
  return args.integer("epochs") * args.integer("steps_per_epoch");
}

/// Up and down between two rates; the momentum goes the other way.
/// Source: torch.optim.lr_scheduler.CyclicLR; Smith 2017.
class CyclicLR final : public Scheduler {
 public:
  CyclicLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        low_(args.real("base_lr")),
        high_(args.real("max_lr")),
        mode_(args.text("mode")),
        gamma_(args.real("gamma")),
        cycle_momentum_(args.boolean("cycle_momentum")),
        low_momentum_(args.real("base_momentum")),
        high_momentum_(args.real("max_momentum")) {
    const auto up = static_cast<double>(args.integer("step_size_up"));
    const bool same = args.is_none("step_size_down");
    const double down = same ? up : static_cast<double>(args.integer("step_size_down"));
    length_ = up + down;
    rising_ = up / length_;
    NW_CHECK(!cycle_momentum_ || has_momentum(optimizer), "[CyclicLR] cycle_momentum expects an ",
             "optimiser with momentum, gets ", optimizer.spec().id);
  }

 private:
  void start() override {
    for (size_t g = 0; g < optimizer().group_count(); ++g) set_rate(g, low_);
    Scheduler::start();
    base_rates().assign(optimizer().group_count(), low_);
  }
  void begin_epoch() override {
    const double passed = static_cast<double>(last_epoch()) / length_;
    const double cycle = std::floor(1 + passed);
    const double at = 1 + passed - cycle;
    height_ = at <= rising_ ? at / rising_ : (at - 1) / (rising_ - 1);
    scale_ = 1;
    if (mode_ == "triangular2") scale_ = 1 / std::pow(2.0, cycle - 1);
    if (mode_ == "exp_range") scale_ = std::pow(gamma_, static_cast<double>(last_epoch()));
  }
  double next_rate(size_t group) override {
    if (cycle_momentum_) {
      const double swing = (high_momentum_ - low_momentum_) * height_;
      optimizer().assign(group, "momentum", high_momentum_ - swing * scale_);
    }
    const double base = base_rate(group);
    return base + (high_ - base) * height_ * scale_;
  }

  double low_, high_;
  std::string mode_;
  double gamma_;
  bool cycle_momentum_;
  double low_momentum_, high_momentum_;
  double length_ = 0;
  double rising_ = 0;  // which part of a cycle goes up
  double height_ = 0;
  double scale_ = 1;
};

/// One rise to max_lr and a fall far below the start, while the momentum goes the other way.
/// Source: torch.optim.lr_scheduler.OneCycleLR; Smith & Topin 2018.
class OneCycleLR final : public Scheduler {
 public:
  OneCycleLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        most_(args.real("max_lr")),
        total_(total_steps(args)),
        cosine_(args.text("anneal_strategy") == "cos"),
        cycle_momentum_(args.boolean("cycle_momentum")),
        low_momentum_(args.real("base_momentum")),
        high_momentum_(args.real("max_momentum")),
        division_(args.real("div_factor")),
        final_division_(args.real("final_div_factor")) {
    const double rise = args.real("pct_start") * static_cast<double>(total_);
    const auto end = static_cast<double>(total_ - 1);
    if (args.boolean("three_phase")) {
      phases_ = {{rise - 1, kInitial, kHighest, true, false},
                 {2 * rise - 2, kHighest, kInitial, false, true},
                 {end, kInitial, kLowest, true, true}};
    } else {
      phases_ = {{rise - 1, kInitial, kHighest, true, false},
                 {end, kHighest, kLowest, false, true}};
    }
    momentum_name_ = has_momentum(optimizer) ? "momentum" : "beta1";
    NW_CHECK(!cycle_momentum_ || optimizer.spec().find(momentum_name_) != nullptr,
             "[OneCycleLR] cycle_momentum expects an optimiser with momentum or betas, gets ",
             optimizer.spec().id);
  }

 private:
  std::optional<int64_t> most_steps() const override { return total_; }

  static constexpr const char* kInitial = "initial_lr";
  static constexpr const char* kHighest = "max_lr";
  static constexpr const char* kLowest = "min_lr";

  struct Phase {
    double end;
    const char* from;
    const char* to;
    bool from_high_momentum, to_high_momentum;
  };

  void start() override {
    for (size_t g = 0; g < optimizer().group_count(); ++g) {
      auto& notes = optimizer().notes(g);
      notes[kInitial] = most_ / division_;
      notes[kHighest] = most_;
      notes[kLowest] = notes[kInitial] / final_division_;
      if (!cycle_momentum_) continue;
      notes["max_momentum"] = high_momentum_;
      notes["base_momentum"] = low_momentum_;
    }
    Scheduler::start();
  }
  double between(double from, double to, double part) const {
    if (!cosine_) return (to - from) * part + from;
    return to + (from - to) / 2 * (std::cos(std::numbers::pi * part) + 1);
  }
  double next_rate(size_t group) override {
    NW_CHECK(last_epoch() <= total_, "[OneCycleLR] was made for ", total_, " steps; this is step ",
             last_epoch() + 1);
    const auto at = static_cast<double>(last_epoch());
    double begin = 0;
    size_t i = 0;
    for (; i + 1 < phases_.size() && at > phases_[i].end; ++i) begin = phases_[i].end;
    const Phase& phase = phases_[i];
    NW_CHECK(phase.end != begin, "[OneCycleLR] pct_start leaves no steps for phase ", i + 1);
    const double part = (at - begin) / (phase.end - begin);
    auto& notes = optimizer().notes(group);
    if (cycle_momentum_) {
      optimizer().assign(group, momentum_name_,
                         between(phase.from_high_momentum ? high_momentum_ : low_momentum_,
                                 phase.to_high_momentum ? high_momentum_ : low_momentum_, part));
    }
    return between(notes.at(phase.from), notes.at(phase.to), part);
  }

  double most_;
  int64_t total_;
  bool cosine_, cycle_momentum_;
  double low_momentum_, high_momentum_, division_, final_division_;
  std::vector<Phase> phases_;
  const char* momentum_name_;
};

/// The cycle takes the whole training where no arguments say anything else.
void fit_cycle(int64_t epochs, int64_t batches, nn::Args& args) {
  const bool known = args.has("total_steps") && !args.is_none("total_steps");
  const auto set = [&](const char* name, int64_t value) {
    if (!args.has(name) || args.is_none(name)) args.set(name, value);
  };
  if (known) return;
  set("epochs", epochs);
  set("steps_per_epoch", batches);
}

nn::Param cycle_momentum_param() {
  nn::Param param = flag_param("cycle_momentum", "Whether the momentum goes the other way.");
  param.fallback = true;
  return param;
}

nn::Param optional_count(std::string name, std::string help) {
  nn::Param param = count_param(std::move(name), nn::None{}, std::move(help));
  param.optional = true;
  return param;
}

nn::Param rate_param(std::string name, double fallback, std::string help) {
  nn::Param param = real_param(std::move(name), fallback, std::move(help));
  param.required = true;
  return param;
}

nn::Param divisor_param(std::string name, double fallback, std::string help) {
  nn::Param param = real_param(std::move(name), fallback, std::move(help));
  param.min_exclusive = true;
  return param;
}

}  // namespace

SchedulerSpec cyclic_lr_spec() {
  SchedulerSpec spec =
      scheduler_spec("CyclicLR", "Lets the learning rate go up and down between two bounds.");
  spec.formula = "lr = base + (max − base)·height(t)·scale(cycle)";
  spec.when_to_use = "When no single learning rate works well; with SGD and momentum.";
  spec.params = {
      rate_param("base_lr", 0.001, "The lower bound."),
      rate_param("max_lr", 0.1, "The upper bound."),
      count_param("step_size_up", int64_t{2000}, "Steps of a rise."),
      optional_count("step_size_down", "Steps of a fall; None: as of a rise."),
      {.name = "mode",
       .type = nn::ParamType::Choice,
       .fallback = std::string("triangular"),
       .help = "Whether the cycles stay as high, halve, or fall by gamma each step.",
       .choices = {"triangular", "triangular2", "exp_range"}},
      real_param("gamma", 1, "What the height is multiplied with each step in 'exp_range'."),
      cycle_momentum_param(),
      real_param("base_momentum", 0.8, "The momentum at the highest rate."),
      real_param("max_momentum", 0.9, "The momentum at the lowest rate."),
  };
  // torch has scale_fn and scale_mode before them, which are Python functions.
  for (size_t i = 6; i < spec.params.size(); ++i) spec.params[i].keyword_only = true;
  spec.step_at = StepAt::Batch;
  spec.sets_rate = true;
  spec.make = make_started<CyclicLR>;
  return spec;
}

SchedulerSpec one_cycle_lr_spec() {
  SchedulerSpec spec = scheduler_spec(
      "OneCycleLR", "Raises the learning rate once and then lowers it far below the start.");
  spec.formula = "lr: max/div → max → max/(div·final_div),  momentum the other way";
  spec.when_to_use = "To train fast with a high rate: it is stepped after each batch.";
  nn::Param share = real_param("pct_start", 0.3, "Which part of the steps goes up.");
  share.max = 1;
  spec.params = {
      rate_param("max_lr", 0.1, "The highest learning rate."),
      optional_count("total_steps",
                     "All steps; None: epochs · steps_per_epoch, in a run all its batches."),
      optional_count("epochs", "Epochs of the training; None in a run: its own."),
      optional_count("steps_per_epoch", "Batches of an epoch; None in a run: its own."),
      share,
      {.name = "anneal_strategy",
       .type = nn::ParamType::Choice,
       .fallback = std::string("cos"),
       .help = "Along a cosine or a straight line.",
       .choices = {"cos", "linear"}},
      cycle_momentum_param(),
      real_param("base_momentum", 0.85, "The momentum at the highest rate."),
      real_param("max_momentum", 0.95, "The momentum at the lowest rate."),
      divisor_param("div_factor", 25, "How far below max_lr it starts."),
      divisor_param("final_div_factor", 1e4, "How far below the start it ends."),
      flag_param("three_phase",
                 "Whether the fall is divided in two, of which one is the rise "
                 "turned round."),
  };
  spec.step_at = StepAt::Batch;
  spec.sets_rate = true;
  spec.fit = fit_cycle;
  spec.make = make_started<OneCycleLR>;
  return spec;
}

}  // namespace nw::optim
