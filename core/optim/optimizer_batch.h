#pragma once

#include <optional>

#include "core/backend/optimizer_formulas.h"
#include "core/optim/math.h"
#include "core/optim/optimizer.h"

namespace nw::optim {

/// Parameters whose next step is the same: one call of a kernel. Its lists keep their memory from
/// step to step.
struct Optimizer::Batch {
  std::optional<StepRule> rule;
  std::vector<const Tensor*> owners;  // the optimiser's parameters, whose gradients count
  std::vector<Tensor> grads, params;
  std::array<std::vector<Tensor>, kMostKept> kept;

  bool takes(const StepRule& given, const Tensor& param) const {
    return param.dtype() == params[0].dtype() && param.device() == params[0].device() &&
           given == *rule;
  }
  /// `memory`: the numbers of `param`.
  void add(const Tensor& param, const Tensor& memory, std::span<const Slot> slots,
           const State& state) {
    owners.push_back(&param);
    params.push_back(memory);
    int next = 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].kept != Kept::Tensor) continue;
      const int place = next++;
      if (keeps(place)) kept[static_cast<size_t>(place)].push_back(state.tensors[i]);
    }
  }
  /// Whether a step reads and writes tensor number `place` of a state.
  bool keeps(int place) const {
    return std::visit(
        [&](const auto& own) {
          return StepFormula<std::decay_t<decltype(own)>, double>(own).keeps(place);
        },
        *rule);
  }
  /// As they are now, laid out as their parameters.
  void take_gradients() {
    for (const Tensor* owner : owners) {
      grads.push_back(real_view(memory_of(laid_out_as(owner->grad(), *owner))));
    }
  }
  void run() const {
    kernels_of(params[0]).optimizer->step(*rule, grads, params, kept[0], kept[1], kept[2]);
  }
  void clear() {
    owners.clear();
    grads.clear();
    params.clear();
    for (std::vector<Tensor>& list : kept) list.clear();
  }
};

}  // namespace nw::optim
