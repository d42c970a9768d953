#include "core/optim/optimizer.h"

#include <algorithm>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/optim/math.h"
#include "core/optim/optimizer_batch.h"

namespace nw::optim {
namespace {

/// Throws the first thing that is wrong with `args`.
void check(const OptimizerSpec& spec, const nn::Args& args) {
  const std::vector<std::string> problems = spec.problems(args);
  NW_CHECK(problems.empty(), problems.front());
}

Tensor scalar_tensor(double value) {
  return full({}, value, DType::Float32, kCpu);
}

}  // namespace

Optimizer::Optimizer(const OptimizerSpec& spec, const nn::Args& options) : spec_(spec) {
  check(spec, options);
  defaults_ = spec.complete(options);
}

void Optimizer::check_params(const std::vector<Tensor>& params) const {
  NW_CHECK(!groups_.empty() || !params.empty(),
           "[Optimizer] expects at least one parameter to learn, gets none");
  for (const Tensor& param : params) {
    NW_CHECK(param.defined() && (is_floating(param.dtype()) || is_complex(param.dtype())),
             "[Optimizer] expects parameters of floating or complex numbers, gets ",
             describe(param));
    NW_CHECK(param.is_leaf(),
             "[Optimizer] cannot learn a tensor that was computed: ", describe(param));
    for (const Group& group : groups_) {
      for (const Tensor& known : group.params) {
        NW_CHECK(!known.is_same(param), "[Optimizer] a parameter is in more than one group");
      }
    }
  }
}

void Optimizer::add_param_group(std::vector<Tensor> params, const nn::Args& options) {
  check_params(params);
  nn::Args all = defaults_;
  for (const auto& [name, value] : options) all.set(name, value);
  check(spec_, all);
  const size_t index = groups_.size();
  Group group{std::move(params), spec_.complete(all), {}, {}};
  group.states.resize(group.params.size());
  groups_.push_back(std::move(group));
  options_changed(index);
  Group& added = groups_.back();
  for (size_t i = 0; i < added.params.size(); ++i) {
    prepare(index, added.params[i], added.states[i]);
  }
}

void Optimizer::set_option(size_t group, std::string_view name, nn::Value value) {
  nn::Args options = groups_.at(group).options;
  options.set(name, std::move(value));
  check(spec_, options);
  groups_[group].options = spec_.complete(options);
  options_changed(group);
}

void Optimizer::assign(size_t group, std::string_view name, double value) {
  groups_.at(group).options.set(name, value);
  options_changed(group);
}

void Optimizer::set_learning_rate(double lr) {
  for (size_t i = 0; i < groups_.size(); ++i) set_option(i, "lr", lr);
}

Optimizer::~Optimizer() = default;

Optimizer::Batch& Optimizer::batch_for(const StepRule& rule, const Tensor& param) {
  const auto end = std::find_if(batches_.begin(), batches_.end(),
                                [](const Batch& batch) { return batch.params.empty(); });
  const auto same = std::find_if(batches_.begin(), end,
                                 [&](const Batch& batch) { return batch.takes(rule, param); });
  if (same != end) return *same;
  Batch& fresh = end != batches_.end() ? *end : batches_.emplace_back();
  fresh.rule = rule;
  return fresh;
}

/// Counts a step, and tells which parameters it changes by which rules.
std::span<Optimizer::Batch> Optimizer::next_batches() {
  for (Batch& batch : batches_) batch.clear();
  const std::span<const Slot> slots = layout();
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    for (size_t i = 0; i < group.params.size(); ++i) {
      const Tensor& param = group.params[i];
      if (!param.grad().defined()) continue;
      const Tensor memory = real_view(memory_of(param));
      State& state = group.states[i];
      const StepRule rule = next_rule(g, memory, state);
      state.started = true;
      batch_for(rule, memory).add(param, memory, slots, state);
      param.storage()->bump_version();
    }
  }
  const auto end = std::find_if(batches_.begin(), batches_.end(),
                                [](const Batch& batch) { return batch.params.empty(); });
  return {batches_.begin(), end};
}

void Optimizer::step() {
  const autograd::NoGrad no_grad;
  for (Batch& batch : next_batches()) {
    batch.take_gradients();
    batch.run();
    batch.clear();
  }
}

Tensor Optimizer::step(const Closure& closure) {
  NW_CHECK(closure != nullptr, "[", spec_.id, "] expects a closure that computes the loss");
  const autograd::EnableGrad with_grad;
  const Tensor loss = closure();
  step();
  return loss;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (const Group& group : groups_) {
    for (const Tensor& param : group.params) {
      if (set_to_none || !param.grad().defined()) {
        param.set_grad({});
      } else {
        param.set_grad(zeros(param.grad().sizes(), param.grad().dtype(), param.grad().device()));
      }
    }
  }
}

StateEntries Optimizer::entries_of(const State& state, const Tensor& param) const {
  StateEntries entries;
  const std::span<const Slot> all = layout();
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string name(all[i].name);
    if (all[i].kept == Kept::Number) {
      entries.set(name, {scalar_tensor(state.numbers[i])});
    } else if (all[i].kept == Kept::Count) {
      entries.set(name, {static_cast<int64_t>(state.numbers[i])});
    } else if (state.tensors[i].defined()) {
      entries.set(name, {viewed_as(state.tensors[i], param)});
    } else if (all.size() == 1) {
      entries.set(name, {nn::None{}});  // SGD's buffer without momentum
    }
  }
  return entries;
}

OptimizerState::Group Optimizer::group_state(size_t index, int64_t& next) const {
  OptimizerState::Group out;
  const Group& group = groups_[index];
  for (const nn::Param& param : spec_.params) {
    const nn::Value& value = *group.options.find(param.name);
    StateValue written;
    std::visit(
        [&](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_constructible_v<decltype(written.held), Held>) written.held = held;
        },
        value);
    if (param.tuple.empty()) {
      out.options.set(param.name, written);
      continue;
    }
    const StateValue* before = out.options.find(param.tuple);
    StateValue::List items = before != nullptr ? before->list() : StateValue::List{};
    items.push_back(written);
    out.options.set(param.tuple, {items});
  }
  for (const auto& [name, number] : group.notes) out.options.set(name, {number});
  for (size_t i = 0; i < group.params.size(); ++i) out.params.push_back(next++);
  return out;
}

OptimizerState Optimizer::state_dict() const {
  OptimizerState out;
  int64_t next = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t i = 0; i < groups_[g].params.size(); ++i) {
      const State& state = groups_[g].states[i];
      if (!state.started) continue;
      out.state.emplace_back(next + static_cast<int64_t>(i),
                             entries_of(state, groups_[g].params[i]));
    }
    out.groups.push_back(group_state(g, next));
  }
  return out;
}

void Optimizer::check_groups(const OptimizerState& state) const {
  NW_CHECK(state.groups.size() == groups_.size(), "[", spec_.id, "] expects a state of ",
           groups_.size(), " groups of parameters, gets ", state.groups.size());
  for (size_t g = 0; g < groups_.size(); ++g) {
    NW_CHECK(state.groups[g].params.size() == groups_[g].params.size(), "[", spec_.id, "] expects ",
             groups_[g].params.size(), " parameters in group ", g, ", gets ",
             state.groups[g].params.size());
  }
}

void Optimizer::load_group(size_t index, const OptimizerState::Group& given) {
  Group& group = groups_[index];
  nn::Args options = group.options;
  std::map<std::string, size_t> used;
  for (const nn::Param& param : spec_.params) {
    const StateValue* value = given.options.find(param.tuple.empty() ? param.name : param.tuple);
    if (value == nullptr) continue;
    if (!param.tuple.empty()) {
      const size_t place = used[param.tuple]++;
      NW_CHECK(place < value->list().size(), "[", spec_.id, "] expects more items in ",
               param.tuple);
      value = &value->list()[place];
    }
    std::visit(
        [&](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_constructible_v<nn::Value, Held>) options.set(param.name, held);
        },
        value->held);
  }
  // A schedule's rounding may have left a rate just below 0: a run goes on with what it had.
  nn::Args judged = options;
  const auto* rate = std::get_if<double>(options.find("lr"));
  if (rate != nullptr && *rate < 0) judged.set("lr", 0.0);
  check(spec_, judged);
  group.options = spec_.complete(options);
  group.notes.clear();
  for (const char* note : {"initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"}) {
    const StateValue* value = given.options.find(note);
    if (value != nullptr && !value->is_none()) group.notes[note] = value->number();
  }
  options_changed(index);
}

Optimizer::State Optimizer::state_from(const StateEntries& entries, const Tensor& param) const {
  State state;
  state.started = true;
  const std::span<const Slot> all = layout();
  for (size_t i = 0; i < all.size(); ++i) {
    const StateValue* value = entries.find(all[i].name);
    if (value == nullptr || value->is_none()) continue;
    if (all[i].kept != Kept::Tensor) {
      state.numbers[i] = value->number();
      continue;
    }
    NW_CHECK(value->tensor().sizes() == param.sizes(), "[", spec_.id, "] expects ", all[i].name,
             " of sizes ", to_string(param.sizes()), ", gets ", describe(value->tensor()));
    const Tensor copied = laid_out_as(raw::to(value->tensor(), param.dtype()), param);
    state.tensors[i] = real_view(memory_of(raw::to(copied, param.device())));
    if (copied.storage() == value->tensor().storage()) {
      state.tensors[i] = raw::clone(state.tensors[i]);
    }
  }
  return state;
}

void Optimizer::load_state_dict(const OptimizerState& state) {
  check_groups(state);
  std::map<int64_t, const StateEntries*> given;
  for (const auto& [number, entries] : state.state) given[number] = &entries;
  std::vector<std::vector<State>> loaded;
  for (size_t g = 0; g < groups_.size(); ++g) {
    loaded.emplace_back();
    for (size_t i = 0; i < groups_[g].params.size(); ++i) {
      const auto it = given.find(state.groups[g].params[i]);
      loaded.back().push_back(it == given.end() ? State()
                                                : state_from(*it->second, groups_[g].params[i]));
    }
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    load_group(g, state.groups[g]);
    groups_[g].states = std::move(loaded[g]);
  }
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view id, std::vector<Tensor> params,
                                          const nn::Args& args) {
  const OptimizerSpec* spec = optimizers().find(id);
  NW_CHECK(spec != nullptr, "[Optimizer] '", id, "' is not the name of an optimiser");
  return spec->make(std::move(params), args);
}

}  // namespace nw::optim
