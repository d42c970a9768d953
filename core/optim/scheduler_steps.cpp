#include <algorithm>
#include <cmath>

#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

/// lr · γ every step_size epochs. Source: torch.optim.lr_scheduler.StepLR.
class StepLR final : public Scheduler {
 public:
  StepLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer), size_(args.integer("step_size")), gamma_(args.real("gamma")) {}

 private:
  double next_rate(size_t group) override {
    const bool falls = last_epoch() != 0 && last_epoch() % size_ == 0;
    return falls ? rate(group) * gamma_ : rate(group);
  }
  double rate_from_start(size_t group) override {
    return base_rate(group) * std::pow(gamma_, static_cast<double>(last_epoch() / size_));
  }

  int64_t size_;
  double gamma_;
};

/// lr · γ at each milestone. Source: torch.optim.lr_scheduler.MultiStepLR.
class MultiStepLR final : public Scheduler {
 public:
  MultiStepLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        milestones_(args.integers("milestones")),
        gamma_(args.real("gamma")) {}

 private:
  double next_rate(size_t group) override {
    const auto falls = std::count(milestones_.begin(), milestones_.end(), last_epoch());
    return falls == 0 ? rate(group) : rate(group) * std::pow(gamma_, static_cast<double>(falls));
  }
  double rate_from_start(size_t group) override {
    const auto falls = std::count_if(milestones_.begin(), milestones_.end(),
                                     [this](int64_t epoch) { return epoch <= last_epoch(); });
    return base_rate(group) * std::pow(gamma_, static_cast<double>(falls));
  }

  std::vector<int64_t> milestones_;
  double gamma_;
};

/// lr · factor until total_iters. Source: torch.optim.lr_scheduler.ConstantLR.
class ConstantLR final : public Scheduler {
 public:
  ConstantLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer), factor_(args.real("factor")), total_(args.integer("total_iters")) {}

 private:
  double next_rate(size_t group) override {
    if (last_epoch() == 0) return rate(group) * factor_;
    return last_epoch() == total_ ? rate(group) * (1 / factor_) : rate(group);
  }
  double rate_from_start(size_t group) override {
    return base_rate(group) * (factor_ + (last_epoch() >= total_ ? 1 - factor_ : 0));
  }

  double factor_;
  int64_t total_;
};

/// lr times a factor that goes from start_factor to end_factor in total_iters: a warm-up.
/// Source: torch.optim.lr_scheduler.LinearLR.
class LinearLR final : public Scheduler {
 public:
  LinearLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        start_(args.real("start_factor")),
        end_(args.real("end_factor")),
        total_(args.integer("total_iters")) {}

 private:
  double next_rate(size_t group) override {
    if (last_epoch() == 0) return rate(group) * start_;
    if (last_epoch() > total_) return rate(group);
    const double before = static_cast<double>(total_) * start_ +
                          static_cast<double>(last_epoch() - 1) * (end_ - start_);
    return rate(group) * (1 + (end_ - start_) / before);
  }
  double rate_from_start(size_t group) override {
    const auto at = static_cast<double>(std::min(total_, last_epoch()));
    return base_rate(group) * (start_ + (end_ - start_) * at / static_cast<double>(total_));
  }

  double start_, end_;
  int64_t total_;
};

/// lr · γ every epoch. Source: torch.optim.lr_scheduler.ExponentialLR.
class ExponentialLR final : public Scheduler {
 public:
  ExponentialLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer), gamma_(args.real("gamma")) {}

 private:
  double next_rate(size_t group) override {
    return last_epoch() == 0 ? rate(group) : rate(group) * gamma_;
  }
  double rate_from_start(size_t group) override {
    return base_rate(group) * std::pow(gamma_, static_cast<double>(last_epoch()));
  }

  double gamma_;
};

/// lr · (1 − t/total_iters)^power. Source: torch.optim.lr_scheduler.PolynomialLR.
class PolynomialLR final : public Scheduler {
 public:
  PolynomialLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer), total_(args.integer("total_iters")), power_(args.real("power")) {}

 private:
  double left(int64_t epoch) const {
    return 1 - static_cast<double>(epoch) / static_cast<double>(total_);
  }
  double next_rate(size_t group) override {
    if (last_epoch() == 0 || last_epoch() > total_) return rate(group);
    return rate(group) * std::pow(left(last_epoch()) / left(last_epoch() - 1), power_);
  }
  double rate_from_start(size_t group) override {
    return base_rate(group) * std::pow(left(std::min(total_, last_epoch())), power_);
  }

  int64_t total_;
  double power_;
};

/// Three steps in a training.
int64_t third_of(int64_t epochs) {
  return (epochs + 2) / 3;
}

nn::Param gamma_param(double fallback) {
  return real_param("gamma", fallback, "What the learning rate is multiplied with each time.");
}

/// A factor above 0, at most 1.
nn::Param factor_param(std::string name, double fallback, std::string help) {
  nn::Param param = real_param(std::move(name), fallback, std::move(help));
  param.min_exclusive = true;
  param.max = 1;
  return param;
}

}  // namespace

SchedulerSpec step_lr_spec() {
  SchedulerSpec spec = scheduler_spec("StepLR", "Lowers the learning rate every few epochs.");
  spec.formula = "lr = lr₀ · γ^⌊t / step_size⌋";
  spec.when_to_use = "For image networks with SGD: a tenth each third of the training.";
  nn::Param size = count_param("step_size", int64_t{30}, "Epochs between two falls.");
  size.required = true;
  spec.params = {size, gamma_param(0.1)};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("step_size", third_of(epochs)); };
  spec.make = make_started<StepLR>;
  return spec;
}

SchedulerSpec multi_step_lr_spec() {
  SchedulerSpec spec = scheduler_spec("MultiStepLR", "Lowers the learning rate at chosen epochs.");
  spec.formula = "lr = lr₀ · γ^(milestones passed)";
  spec.when_to_use = "When it is known at which epochs the loss stops to fall.";
  spec.params = {{.name = "milestones",
                  .type = nn::ParamType::IntTuple,
                  .fallback = std::vector<int64_t>{30, 80},
                  .help = "The epochs at which the rate falls.",
                  .min = 0,
                  .arity = 0,
                  .required = true},
                 gamma_param(0.1)};
  spec.suggest = [](int64_t epochs, nn::Args& args) {
    const int64_t third = third_of(epochs);
    args.set("milestones", std::vector<int64_t>{third, 2 * third});
  };
  spec.make = make_started<MultiStepLR>;
  return spec;
}

SchedulerSpec constant_lr_spec() {
  SchedulerSpec spec =
      scheduler_spec("ConstantLR", "Keeps the learning rate low for the first epochs.");
  spec.formula = "lr = lr₀ · factor until total_iters, then lr₀";
  spec.when_to_use = "As a simple warm-up.";
  spec.params = {factor_param("factor", 1.0 / 3, "How low it is in the beginning."),
                 count_param("total_iters", int64_t{5}, "Epochs until it is as set.")};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("total_iters", third_of(epochs)); };
  spec.make = make_started<ConstantLR>;
  return spec;
}

SchedulerSpec linear_lr_spec() {
  SchedulerSpec spec = scheduler_spec("LinearLR", "Raises the learning rate evenly: a warm-up.");
  spec.formula = "lr = lr₀ · (start + (end − start) · min(t, n)/n)";
  spec.when_to_use = "In the first epochs of transformers and of large batches.";
  nn::Param end = real_param("end_factor", 1, "What part of the rate it ends with.");
  end.max = 1;
  spec.params = {factor_param("start_factor", 1.0 / 3, "What part of the rate it starts with."),
                 end, count_param("total_iters", int64_t{5}, "Epochs that it takes.")};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("total_iters", third_of(epochs)); };
  spec.make = make_started<LinearLR>;
  return spec;
}

SchedulerSpec exponential_lr_spec() {
  SchedulerSpec spec =
      scheduler_spec("ExponentialLR", "Lowers the learning rate a little each epoch.");
  spec.formula = "lr = lr₀ · γᵗ";
  spec.when_to_use = "For a smooth fall, when the number of epochs is open.";
  nn::Param gamma = gamma_param(0.95);
  gamma.required = true;
  spec.params = {gamma};
  spec.make = make_started<ExponentialLR>;
  return spec;
}

SchedulerSpec polynomial_lr_spec() {
  SchedulerSpec spec = scheduler_spec(
      "PolynomialLR", "Lowers the learning rate to 0 along a power of the time left.");
  spec.formula = "lr = lr₀ · (1 − t/n)^power";
  spec.when_to_use = "For segmentation networks; with power 1 it falls evenly.";
  spec.params = {count_param("total_iters", int64_t{5}, "Epochs until it is 0."),
                 real_param("power", 1, "How early it falls.")};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("total_iters", epochs); };
  spec.make = make_started<PolynomialLR>;
  return spec;
}

}  // namespace nw::optim
