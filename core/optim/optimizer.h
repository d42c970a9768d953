#pragma once

#include <memory>
#include <vector>

#include "core/nn/block.h"
#include "core/tensor/tensor.h"

namespace nw::optim {

/// Changes parameters by their gradients, as torch.optim.Optimizer. Shares the parameters' numbers.
class Optimizer {
 public:
  /// Throws Error for an empty list, or for something that is not a learnable leaf.
  explicit Optimizer(std::vector<Tensor> params);
  virtual ~Optimizer() = default;

  /// One update; parameters without a gradient stay as they are.
  virtual void step() = 0;
  /// Drops all gradients (torch's set_to_none=True).
  void zero_grad();
  virtual double learning_rate() const = 0;
  virtual void set_learning_rate(double lr) = 0;

 protected:
  const std::vector<Tensor>& params() const { return params_; }

 private:
  std::vector<Tensor> params_;
};

/// Description of an optimiser: "SGD" (torch name "optim.SGD"), its parameters, and how to make it.
struct OptimizerSpec : nn::Description {
  std::unique_ptr<Optimizer> (*make)(std::vector<Tensor> params, const nn::Args& args) = nullptr;
};

/// Every optimiser of the program. Filled by core/optim/register_optimizers.cpp.
const nn::Registry<OptimizerSpec>& optimizers();

}  // namespace nw::optim
