#include <cmath>
#include <numbers>

#include "core/optim/scheduler_parts.h"

namespace nw::optim {
namespace {

using std::numbers::pi;

/// Half a cosine from the rate at the start down to eta_min in T_max epochs, and up again.
/// Source: torch.optim.lr_scheduler.CosineAnnealingLR; Loshchilov & Hutter 2017.
class CosineAnnealingLR final : public Scheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer), half_(args.integer("T_max")), least_(args.real("eta_min")) {}

 private:
  double wave(int64_t epoch) const {
    return 1 + std::cos(pi * static_cast<double>(epoch) / static_cast<double>(half_));
  }
  double next_rate(size_t group) override {
    if (last_epoch() == 0) return rate(group);
    // From the lowest point on there is nothing to multiply.
    if ((last_epoch() - 1 - half_) % (2 * half_) == 0) {
      return rate(group) +
             (base_rate(group) - least_) * (1 - std::cos(pi / static_cast<double>(half_))) / 2;
    }
    return wave(last_epoch()) / wave(last_epoch() - 1) * (rate(group) - least_) + least_;
  }
  double rate_from_start(size_t group) override {
    return least_ + (base_rate(group) - least_) * wave(last_epoch()) / 2;
  }

  int64_t half_;
  double least_;
};

/// The same fall again and again, each T_mult times as long as the one before.
/// Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov & Hutter 2017.
class CosineAnnealingWarmRestarts final : public Scheduler {
 public:
  CosineAnnealingWarmRestarts(Optimizer& optimizer, const nn::Args& args)
      : Scheduler(optimizer),
        first_(args.integer("T_0")),
        factor_(args.integer("T_mult")),
        least_(args.real("eta_min")),
        length_(first_) {}

  void step_to(double epoch) override {
    NW_CHECK(epoch >= 0, "[CosineAnnealingWarmRestarts] epoch must be at least 0, is ", epoch);
    const auto first = static_cast<double>(first_);
    const auto factor = static_cast<double>(factor_);
    at_ = epoch;
    length_ = first_;
    if (epoch >= first && factor_ == 1) {
      at_ = std::fmod(epoch, first);
    } else if (epoch >= first) {
      // Falls that are over: their lengths are a geometric series.
      const double falls =
          std::floor(std::log(epoch / first * (factor - 1) + 1) / std::log(factor));
      const double grown = std::pow(factor, falls);
      at_ = epoch - first * (grown - 1) / (factor - 1);
      length_ = first_ * static_cast<int64_t>(grown);
    }
    set_last_epoch(static_cast<int64_t>(std::floor(epoch)));
    for (size_t g = 0; g < optimizer().group_count(); ++g) set_rate(g, next_rate(g));
  }

  StateEntries state_dict() const override {
    StateEntries out = Scheduler::state_dict();
    const bool whole = std::floor(at_) == at_;
    out.set("T_cur", whole ? StateValue{static_cast<int64_t>(at_)} : StateValue{at_});
    out.set("T_i", {length_});
    return out;
  }
  void load_state_dict(const StateEntries& state) override {
    const double at = state.at("T_cur").number();
    const auto length = static_cast<int64_t>(state.at("T_i").number());
    Scheduler::load_state_dict(state);
    at_ = at;
    length_ = length;
  }

 private:
  void begin_epoch() override {
    if (last_epoch() == 0) {
      at_ = 0;
      length_ = first_;
    } else if (++at_ >= static_cast<double>(length_)) {
      at_ -= static_cast<double>(length_);
      length_ *= factor_;
    }
  }
  double next_rate(size_t group) override {
    const double part = at_ / static_cast<double>(length_);
    return least_ + (base_rate(group) - least_) * (1 + std::cos(pi * part)) / 2;
  }

  int64_t first_, factor_;
  double least_;
  double at_ = 0;  // epochs since the last restart
  int64_t length_;
};

nn::Param eta_min_param() {
  return real_param("eta_min", 0, "The lowest learning rate.");
}

}  // namespace

SchedulerSpec cosine_annealing_lr_spec() {
  SchedulerSpec spec =
      scheduler_spec("CosineAnnealingLR", "Lowers the learning rate along half a cosine.");
  spec.formula = "lr = η + (lr₀ − η)·(1 + cos(π·t/T_max))/2";
  spec.when_to_use = "The usual choice when the number of epochs is known: T_max is that number.";
  nn::Param half = count_param("T_max", int64_t{10}, "Epochs until the lowest rate.");
  half.required = true;
  spec.params = {half, eta_min_param()};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("T_max", epochs); };
  spec.make = make_started<CosineAnnealingLR>;
  return spec;
}

SchedulerSpec cosine_warm_restarts_spec() {
  SchedulerSpec spec = scheduler_spec(
      "CosineAnnealingWarmRestarts",
      "Lowers the learning rate along half a cosine, and starts again from the top.");
  spec.formula = "lr = η + (lr₀ − η)·(1 + cos(π·t/Tᵢ))/2,  Tᵢ₊₁ = T_mult·Tᵢ";
  spec.when_to_use = "To leave a bad valley, or to have a good model at several moments.";
  nn::Param first = count_param("T_0", int64_t{10}, "Epochs of the first fall.");
  first.required = true;
  spec.params = {first,
                 count_param("T_mult", int64_t{1}, "How much longer each fall is than the last."),
                 eta_min_param()};
  spec.suggest = [](int64_t epochs, nn::Args& args) { args.set("T_0", (epochs + 2) / 3); };
  spec.step_at = StepAt::Fraction;
  spec.sets_rate = true;
  spec.make = make_started<CosineAnnealingWarmRestarts>;
  return spec;
}

}  // namespace nw::optim
