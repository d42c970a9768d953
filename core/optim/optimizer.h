#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend/optimizer_kernels.h"
#include "core/nn/block.h"
#include "core/optim/optimizer_state.h"
#include "core/tensor/tensor.h"

namespace nw::optim {

struct OptimizerSpec;

/// Changes parameters by their gradients, as torch.optim.Optimizer: groups of parameters, each with
/// options of its own. Shares the parameters' numbers. Complex parameters are taken as pairs of
/// real ones. Not thread-safe.
class Optimizer {
 public:
  /// Computes the loss anew, with gradients.
  using Closure = std::function<Tensor()>;

  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update; parameters without a gradient stay as they are.
  virtual void step();
  /// The same after a call of `closure`, whose loss it returns. An optimiser that looks at several
  /// points (OptimizerSpec::needs_closure) calls it more often.
  virtual Tensor step(const Closure& closure);
  /// Drops all gradients, or else sets them to 0.
  void zero_grad(bool set_to_none = true);

  /// More parameters, with the optimiser's options but for those given. Throws Error for bad
  /// options, for a parameter that is in a group already, and for one that is no leaf.
  void add_param_group(std::vector<Tensor> params, const nn::Args& options = {});
  size_t group_count() const { return groups_.size(); }
  const std::vector<Tensor>& params(size_t group) const { return groups_.at(group).params; }
  /// Complete, by our parameter names ("beta1").
  const nn::Args& options(size_t group) const { return groups_.at(group).options; }
  /// Throws Error for a bad value.
  void set_option(size_t group, std::string_view name, nn::Value value);
  /// The same for schedulers, whose rounding may leave the range by a hair: takes any number.
  void assign(size_t group, std::string_view name, double value);
  /// Numbers beside the options that schedulers keep with a group, as torch does ("initial_lr").
  std::map<std::string, double>& notes(size_t group) { return groups_.at(group).notes; }

  /// Of the first group; of all groups.
  double learning_rate() const { return groups_.front().options.real("lr"); }
  void set_learning_rate(double lr);

  const OptimizerSpec& spec() const { return spec_; }
  virtual OptimizerState state_dict() const;
  /// Copies the state and takes the groups' options. Throws Error when groups or sizes do not fit,
  /// and changes nothing then.
  virtual void load_state_dict(const OptimizerState& state);

 protected:
  /// What is kept for a parameter.
  enum class Kept : uint8_t {
    Tensor,  // of the parameter's sizes
    Number,  // which torch keeps as a float32 scalar
    Count,   // which torch keeps as a plain integer
  };
  struct Slot {
    std::string_view name;  // torch's
    Kept kept;
  };
  static constexpr size_t kSlots = 4;
  /// The numbers and tensors of the slots; a tensor that an option rules out is undefined.
  struct State {
    bool started = false;
    std::array<Tensor, kSlots> tensors;
    std::array<double, kSlots> numbers{};
  };

  /// The derived class then adds its first group. `options` become the defaults of every group.
  Optimizer(const OptimizerSpec& spec, const nn::Args& options);

  /// What each parameter's state has, in torch's order.
  virtual std::span<const Slot> layout() const = 0;
  /// Called when the options of a group are new or have changed.
  virtual void options_changed(size_t group) = 0;
  /// What the next step of one parameter is; counts it, and makes what the state lacks. `param` is
  /// real and dense in memory, and so are the state's tensors, of its sizes. The kernel keeps its
  /// numbers in them, in the order of layout().
  virtual StepRule next_rule(size_t group, const Tensor& param, State& state) = 0;
  /// Called for each new parameter of a group, when a state exists before the first step.
  virtual void prepare(size_t /*group*/, const Tensor& /*param*/, State& /*state*/) {}

  struct Group {
    std::vector<Tensor> params;
    nn::Args options;
    std::map<std::string, double> notes;
    std::vector<State> states;
  };
  const std::vector<Group>& groups() const { return groups_; }
  std::vector<Group>& groups() { return groups_; }
  /// The parts of state_dict() and load_state_dict() that every optimiser has.
  OptimizerState::Group group_state(size_t group, int64_t& next) const;
  void check_groups(const OptimizerState& state) const;
  void load_group(size_t group, const OptimizerState::Group& given);

 private:
  friend class RecordableStep;
  struct Batch;
  Batch& batch_for(const StepRule& rule, const Tensor& param);
  std::span<Batch> next_batches();
  void check_params(const std::vector<Tensor>& params) const;
  StateEntries entries_of(const State& state, const Tensor& param) const;
  State state_from(const StateEntries& entries, const Tensor& param) const;

  const OptimizerSpec& spec_;
  nn::Args defaults_;
  std::vector<Group> groups_;
  std::vector<Batch> batches_;  // of a step; their memory is kept from step to step
};

/// Description of an optimiser: "SGD" (torch name "optim.SGD"), its parameters, and how to make it.
struct OptimizerSpec : nn::Description {
  std::unique_ptr<Optimizer> (*make)(std::vector<Tensor> params, const nn::Args& args) = nullptr;
  bool needs_closure = false;  // step() without a closure is an Error
};

/// Every optimiser of the program. Filled by core/optim/register_optimizers.cpp.
const nn::Registry<OptimizerSpec>& optimizers();
/// Makes the optimiser `id`; throws Error for an unknown one and for bad arguments.
std::unique_ptr<Optimizer> make_optimizer(std::string_view id, std::vector<Tensor> params,
                                          const nn::Args& args = {});

}  // namespace nw::optim
