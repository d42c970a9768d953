#include "core/graph/fusion.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace nw::graph {
namespace {

const nn::Elementwise* elementwise(const Step& step) {
  return dynamic_cast<const nn::Elementwise*>(step.module);
}

/// What an elementwise step does to numbers of `dtype`; none: it is no such step.
std::optional<ElementOp> element(const Step& step, DType dtype) {
  const nn::Elementwise* module = elementwise(step);
  return module == nullptr ? std::nullopt : module->element(dtype);
}

}  // namespace

/// Looks for neighbours from the last step to the first, so that a chain gets all it can.
class FusionSearch {
 public:
  FusionSearch(std::span<const Step> steps, std::span<const int> read_later)
      : steps_(steps), taken_(steps.size(), false) {
    for (const Step& step : steps) {
      for (const int slot : step.inputs) note_reading(slot);
      for (const int slot : step.outputs) most_ = std::max(most_, slot);
    }
    for (const int slot : read_later) note_reading(slot);
    find_shared_memory();
  }

  std::vector<FusedSteps> run() {
    for (size_t i = 0; i + 1 < steps_.size(); ++i) add_product(i);
    for (size_t last = steps_.size(); last-- > 1;) add_chain(last);
    std::sort(found_.begin(), found_.end(),
              [](const FusedSteps& a, const FusedSteps& b) { return a.first() < b.first(); });
    return std::move(found_);
  }

 private:
  void note_reading(int slot) {
    if (slot >= 0) ++readings_[slot];
    most_ = std::max(most_, slot);
  }

  // --- memory that several slots may share ---

  /// A module without parameters may hand on what it is given, or a view of it.
  void find_shared_memory() {
    memory_.resize(static_cast<size_t>(most_) + 1);
    std::iota(memory_.begin(), memory_.end(), 0);
    for (const Step& step : steps_) {
      if (step.has_parameters || (elementwise(step) != nullptr && !step.overwrites)) continue;
      for (const int from : step.inputs) {
        for (const int to : step.outputs) {
          if (from >= 0) join(from, to);
        }
      }
    }
  }
  void join(int a, int b) {
    const int from = memory_[static_cast<size_t>(a)];
    const int to = memory_[static_cast<size_t>(b)];
    std::replace(memory_.begin(), memory_.end(), from, to);
  }
  /// Whether a step behind number `last` may write over what the slot holds.
  bool is_overwritten_after(size_t last, int slot) const {
    const int memory = memory_[static_cast<size_t>(slot)];
    return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(last) + 1, steps_.end(),
                       [&](const Step& step) {
                         return step.overwrites &&
                                std::any_of(step.inputs.begin(), step.inputs.end(), [&](int own) {
                                  return own >= 0 && memory_[static_cast<size_t>(own)] == memory;
                                });
                       });
  }

  // --- a product and its activation ---

  void add_product(size_t i) {
    const Step& product = steps_[i];
    const Step& activation = steps_[i + 1];
    if (dynamic_cast<nn::EndsInActivation*>(product.module) == nullptr) return;
    if (product.inputs.size() != 1 || product.inputs[0] < 0) return;
    const auto op = element(activation, DType::Float32);
    if (!op || !op->slope_by_result() || activation.inputs != product.outputs) return;
    if (readings_[product.outputs[0]] != 1 || activation.outputs.size() != 1) return;
    if (is_overwritten_after(i + 1, activation.outputs[0])) return;
    FusedSteps found;
    found.first_ = i;
    found.last_ = i + 1;
    found.is_product_ = true;
    found.inputs_ = product.inputs;
    taken_[i] = taken_[i + 1] = true;
    found_.push_back(std::move(found));
  }

  // --- chains ---

  bool may_join(size_t i) const {
    if (taken_[i] || steps_[i].outputs.size() != 1) return false;
    const auto op = element(steps_[i], DType::Float32);
    return op && steps_[i].inputs.size() == (op->takes_two() ? 2 : 1);
  }

  /// Whether step number i gives its result to steps first … last and to nobody else.
  bool leads_into(size_t i, size_t first, size_t last) {
    const int slot = steps_[i].outputs[0];
    if (readings_[slot] != 1) return false;
    return std::any_of(
        steps_.begin() + static_cast<std::ptrdiff_t>(first),
        steps_.begin() + static_cast<std::ptrdiff_t>(last) + 1, [&](const Step& step) {
          return std::find(step.inputs.begin(), step.inputs.end(), slot) != step.inputs.end();
        });
  }

  void add_chain(size_t last) {
    if (!may_join(last)) return;
    size_t first = last;
    while (first > 0 && last - first + 1 < Chain::kMostSteps && may_join(first - 1) &&
           leads_into(first - 1, first, last)) {
      --first;
    }
    for (; first < last; ++first) {
      FusedSteps found = chain_of(first, last);
      if (!is_sound(found)) continue;
      std::fill(taken_.begin() + static_cast<std::ptrdiff_t>(first),
                taken_.begin() + static_cast<std::ptrdiff_t>(last) + 1, true);
      found_.push_back(std::move(found));
      return;
    }
  }

  /// The inputs in the order in which their gradients arrive when the steps are run one by one: so
  /// they are added up in the same order.
  FusedSteps chain_of(size_t first, size_t last) const {
    FusedSteps found;
    found.first_ = first;
    found.last_ = last;
    std::map<int, size_t> made_by;
    for (size_t i = first; i <= last; ++i) made_by[steps_[i].outputs[0]] = i;
    for (size_t i = last + 1; i-- > first;) {
      for (const int slot : steps_[i].inputs) {
        if (!made_by.contains(slot)) found.inputs_.push_back(slot);
      }
    }
    found.shape_.inputs = found.inputs_.size();
    size_t next = found.inputs_.size();  // the inputs of the first step are the last ones
    for (size_t i = first; i <= last; ++i) {
      const auto& inputs = steps_[i].inputs;
      next -= static_cast<size_t>(std::count_if(inputs.begin(), inputs.end(),
                                                [&](int slot) { return !made_by.contains(slot); }));
      size_t own = next;
      const auto value_of = [&](int slot) {
        const auto maker = made_by.find(slot);
        return maker == made_by.end() ? own++ : found.inputs_.size() + maker->second - first;
      };
      ChainStep step;
      step.a = static_cast<uint8_t>(value_of(inputs[0]));
      if (inputs.size() > 1) step.b = static_cast<uint8_t>(value_of(inputs[1]));
      found.shape_.steps.push_back(step);
    }
    return found;
  }

  bool is_sound(const FusedSteps& chain) const {
    if (chain.inputs_.size() > Chain::kMostInputs) return false;
    // A chain keeps other values for backward than its steps do, and edits of those in place are to
    // be refused, or not, as they are with the steps.
    if (is_overwritten_after(chain.last_, steps_[chain.last_].outputs[0])) return false;
    for (const int slot : chain.inputs_) {
      if (slot < 0 || is_overwritten_after(chain.last_, slot)) return false;
    }
    for (size_t i = 0; i < chain.shape_.steps.size(); ++i) {
      if (!steps_[chain.first_ + i].overwrites) continue;
      const size_t value = chain.shape_.steps[i].a;
      if (value < chain.inputs_.size()) return false;  // others may read it
      // A step that needs its result in backward refuses that it is written over.
      const Step& maker = steps_[chain.first_ + value - chain.inputs_.size()];
      if (element(maker, DType::Float32)->slope_by_result()) return false;
    }
    return true;
  }

  std::span<const Step> steps_;
  std::vector<bool> taken_;
  std::map<int, int> readings_;  // by slot
  int most_ = 0;                 // the last slot
  std::vector<int> memory_;      // by slot: alike where memory may be shared
  std::vector<FusedSteps> found_;
};

std::vector<FusedSteps> FusedSteps::find(std::span<const Step> steps,
                                         std::span<const int> read_later) {
  return FusionSearch(steps, read_later).run();
}

std::optional<Tensor> FusedSteps::run(std::span<const Step> steps, std::span<const Tensor> slots) {
  if (is_watched(steps)) return {};
  if (is_product_) return run_product(steps, slots);
  return run_chain(steps, slots);
}

bool FusedSteps::is_watched(std::span<const Step> steps) const {
  return std::any_of(steps.begin() + static_cast<std::ptrdiff_t>(first_),
                     steps.begin() + static_cast<std::ptrdiff_t>(last_) + 1, [](const Step& step) {
                       return step.module->has_hooks() || step.module->is_lazy();
                     });
}

Tensor FusedSteps::run_product(std::span<const Step> steps, std::span<const Tensor> slots) const {
  const Tensor& x = slots[static_cast<size_t>(inputs_[0])];
  auto& product = dynamic_cast<nn::EndsInActivation&>(*steps[first_].module);
  return product.forward_through(x, element(steps[last_], DType::Float32)->kind);
}

std::optional<Tensor> FusedSteps::run_chain(std::span<const Step> steps,
                                            std::span<const Tensor> slots) {
  Tensors inputs;
  for (const int slot : inputs_) inputs.push_back(slots[static_cast<size_t>(slot)]);
  if (!inputs[0].defined()) return {};
  if (!chain_ || dtype_ != inputs[0].dtype()) {
    dtype_ = inputs[0].dtype();
    Chain chain = shape_;
    for (size_t i = first_; i <= last_; ++i)
      chain.steps[i - first_].op = *element(steps[i], dtype_);
    chain_.emplace(chain);
  }
  return chain_->run(inputs);
}

}  // namespace nw::graph
