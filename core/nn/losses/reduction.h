#pragma once

#include "core/nn/block.h"
#include "core/ops/loss.h"

namespace nw::nn {

/// "none", "mean" or "sum"; `op` starts the error message.
ops::Reduction reduction_from_text(std::string_view text, std::string_view op);
/// The parameter `reduction` that losses share.
Param reduction_param();
/// A parameter that holds a tensor of numbers: class weights and the like.
Param numbers_param(std::string name, std::string help);
/// The numbers of such a parameter; none for None.
std::vector<double> numbers_of(const Args& args, std::string_view name);
/// Shelf and ports that losses share.
Block loss_block();

/// What losses with the option `reduction` share.
class Loss : public Module {
 public:
  std::string kind() const override { return kind_; }

 protected:
  Loss(std::string kind, std::string_view reduction)
      : kind_(std::move(kind)), reduction_(reduction_from_text(reduction, kind_)) {}

  ops::Reduction reduction() const { return reduction_; }
  /// Throws Error unless there are `count` inputs.
  void expect_inputs(const Tensors& inputs, size_t count) const;
  /// A buffer of the default dtype; without numbers the absence of one.
  Tensor register_numbers(std::string name, const std::vector<double>& numbers);

 private:
  std::string kind_;
  ops::Reduction reduction_;
};

/// Port::numbers and help of the target of a loss_block().
void set_target(Block& block, PortNumbers numbers, std::string help);

}  // namespace nw::nn
