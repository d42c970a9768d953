#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/nn/value.h"
#include "core/tensor/tensor.h"

namespace nw::optim {

/// A value in a state: what torch's dictionaries hold for a parameter or a group.
struct StateValue {
  using List = std::vector<StateValue>;
  std::variant<nn::None, bool, int64_t, double, std::string, Tensor, List> held;

  bool is_none() const { return std::holds_alternative<nn::None>(held); }
  /// A number or a tensor of one element, as a real number; throws Error for anything else.
  double number() const;
  /// Throws Error when it is none.
  const Tensor& tensor() const;
  const List& list() const;
};

/// Names and values in order, as a Python dict.
class StateEntries {
 public:
  void set(std::string name, StateValue value);
  /// Null when there is none.
  const StateValue* find(std::string_view name) const;
  /// Throws Error when there is none.
  const StateValue& at(std::string_view name) const;

  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<std::pair<std::string, StateValue>> items_;
};

/// What torch.optim.Optimizer.state_dict() returns: {"state": {number: {…}}, "param_groups": [{…,
/// "params": [numbers]}]}. Parameters are numbered through all groups; those that had no step yet
/// have no state. The tensors share the optimiser's numbers.
struct OptimizerState {
  struct Group {
    StateEntries options;  // as torch names them: "betas" is a list
    std::vector<int64_t> params;
  };
  std::vector<std::pair<int64_t, StateEntries>> state;
  std::vector<Group> groups;
};

}  // namespace nw::optim
