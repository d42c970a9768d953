#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/optim/optimizer.h"

namespace nw::optim {

struct SchedulerSpec;

/// Changes the learning rates of an optimiser as training goes on, as torch.optim.lr_scheduler:
/// step() after each epoch (or batch, where SchedulerSpec::step_at says so). The optimiser must
/// outlive it. Not thread-safe.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  virtual void step();
  /// For a scheduler that looks at a number, such as the validation loss
  /// (SchedulerSpec::needs_metric); the others do not look.
  virtual void step(double metric);
  /// For a scheduler that may stand between two epochs (StepAt::Fraction): goes to that place. The
  /// others throw Error.
  virtual void step_to(double epoch);
  /// How many steps it is made for, where it fails after them (OneCycleLR).
  virtual std::optional<int64_t> most_steps() const { return {}; }
  /// The learning rate of each group.
  std::vector<double> last_lr() const;
  int64_t last_epoch() const { return last_epoch_; }
  Optimizer& optimizer() const { return optimizer_; }

  /// What changes while it runs, by torch's names.
  virtual StateEntries state_dict() const;
  virtual void load_state_dict(const StateEntries& state);

 protected:
  friend class SequentialLR;

  explicit Scheduler(Optimizer& optimizer) : optimizer_(optimizer) {}

  /// Notes the rates to start from and sets those of epoch 0; called once after construction.
  virtual void start();
  /// Begins anew at epoch 0, in a sequence of schedulers.
  virtual void restart();
  /// The rate of a group at last_epoch(), from the one that it has now.
  virtual double next_rate(size_t group) = 0;
  /// The same from the rate at the start alone, where there is a formula for it.
  virtual double rate_from_start(size_t group) { return next_rate(group); }
  /// Called before the rates of an epoch are asked for.
  virtual void begin_epoch() {}

  double rate(size_t group) const { return optimizer_.options(group).real("lr"); }
  void set_rate(size_t group, double lr) { optimizer_.assign(group, "lr", lr); }
  std::vector<double>& base_rates() { return base_rates_; }
  double base_rate(size_t group) const { return base_rates_[group]; }
  void set_last_epoch(int64_t epoch) { last_epoch_ = epoch; }

 private:
  void set_rates(double (Scheduler::*rate_of)(size_t));

  Optimizer& optimizer_;
  std::vector<double> base_rates_;
  int64_t last_epoch_ = -1;
  int64_t step_count_ = 0;
  template <typename T>
  friend std::unique_ptr<T> started(std::unique_ptr<T> scheduler);
};

/// When a training script steps a scheduler, as PyTorch's documentation has it.
enum class StepAt : uint8_t {
  Epoch,     // after each epoch
  Batch,     // after each batch
  Fraction,  // after each batch, with the place in the epoch: step(epoch + batch / batches)
};

/// Description of a scheduler: "StepLR" (torch name "optim.lr_scheduler.StepLR").
struct SchedulerSpec : nn::Description {
  std::unique_ptr<Scheduler> (*make)(Optimizer& optimizer, const nn::Args& args) = nullptr;
  bool needs_metric = false;  // step(metric) and not step()
  StepAt step_at = StepAt::Epoch;
  /// Works from the rate at the start alone: what other schedulers do to the rate is lost.
  bool sets_rate = false;
  /// Whether the metric is one of which more is better, such as an accuracy; null: never.
  bool (*more_is_better)(const nn::Args& args) = nullptr;
  /// What a freshly chosen one has set for a training of so many epochs, so that something is to be
  /// seen; null: torch's own defaults are enough.
  void (*suggest)(int64_t epochs, nn::Args& args) = nullptr;
  /// Sets arguments that a training of so many epochs and batches tells; null: there are none.
  void (*fit)(int64_t epochs, int64_t batches, nn::Args& args) = nullptr;
};

/// Every scheduler that arguments alone describe. Filled by core/optim/register_schedulers.cpp.
const nn::Registry<SchedulerSpec>& schedulers();
/// Throws Error for an unknown id and for bad arguments.
std::unique_ptr<Scheduler> make_scheduler(std::string_view id, Optimizer& optimizer,
                                          const nn::Args& args = {});

// --- schedulers that are made of functions and of others ---
using RateFunction = std::function<double(int64_t epoch)>;

/// The rate at the start times function(epoch); one function, or one for each group.
/// Source: torch.optim.lr_scheduler.LambdaLR.
std::unique_ptr<Scheduler> lambda_lr(Optimizer& optimizer, std::vector<RateFunction> functions);
/// The rate before times function(epoch). Source: torch.optim.lr_scheduler.MultiplicativeLR.
std::unique_ptr<Scheduler> multiplicative_lr(Optimizer& optimizer,
                                             std::vector<RateFunction> functions);
/// One after the other: the next begins at each milestone, an epoch.
/// Source: torch.optim.lr_scheduler.SequentialLR.
std::unique_ptr<Scheduler> sequential_lr(Optimizer& optimizer,
                                         std::vector<std::unique_ptr<Scheduler>> schedulers,
                                         std::vector<int64_t> milestones);
/// All at once, in their order. Source: torch.optim.lr_scheduler.ChainedScheduler.
std::unique_ptr<Scheduler> chained_scheduler(std::vector<std::unique_ptr<Scheduler>> schedulers);

}  // namespace nw::optim
