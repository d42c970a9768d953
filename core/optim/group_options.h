#pragma once

#include "core/optim/math.h"
#include "core/optim/params.h"
#include "core/optim/specs.h"

namespace nw::optim {

/// An optimiser that keeps the options of each group read: as an `Options`, which is made of
/// complete arguments.
template <typename Options>
class GroupedOptimizer : public Optimizer {
 public:
  GroupedOptimizer(const OptimizerSpec& spec, const nn::Args& options) : Optimizer(spec, options) {}

 protected:
  void options_changed(size_t group) override {
    if (group >= read_.size()) {
      read_.push_back(Options(options(group)));
    } else {
      read_[group] = Options(options(group));
    }
  }
  const Options& read(size_t group) const { return read_[group]; }

 private:
  std::vector<Options> read_;
};

/// OptimizerSpec::make of the optimiser `T`, which the registry knows as T::kId.
template <typename T>
std::unique_ptr<Optimizer> make_of(std::vector<Tensor> params, const nn::Args& args) {
  auto made = std::make_unique<T>(*optimizers().find(T::kId), args);
  made->add_param_group(std::move(params));
  return made;
}

}  // namespace nw::optim
