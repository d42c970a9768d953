#pragma once

#include <functional>
#include <vector>

#include "core/nn/module.h"

namespace nw::optim {

/// A second set of a model's weights that follows the first at a distance: it often answers better.
/// Source: torch.optim.swa_utils.AveragedModel.
class AveragedModel {
 public:
  /// What becomes of an averaged number: a function of it, of the model's, and of how many updates
  /// there were. Tensors without history.
  using Average =
      std::function<Tensor(const Tensor& averaged, const Tensor& current, int64_t updates)>;

  struct Options {
    Average average = {};      // none: the mean of all updates
    bool use_buffers = false;  // buffers are averaged, too, and not only parameters
  };

  /// `averaged` is the module that holds the averages, made like the model: its numbers are copied
  /// from the first update. Both must outlive this.
  AveragedModel(nn::Module& averaged, const Options& options);

  /// Takes up the numbers of `model`. Throws Error when it is made in another way.
  void update_parameters(const nn::Module& model);
  /// The same in two parts, of which the first only queues work on the model's device: recorded
  /// (Backend::capture) once there was an update, it is good for later ones if the average does not
  /// depend on their number.
  void queue_update(const nn::Module& model) const;
  void count_update() { ++updates_; }
  int64_t n_averaged() const { return updates_; }
  void set_n_averaged(int64_t updates) { updates_ = updates; }
  nn::Module& module() const { return averaged_; }

 private:
  nn::Module& averaged_;
  Options options_;
  int64_t updates_ = 0;
};

/// averaged · decay + current · (1 − decay)
AveragedModel::Average exponential_average(double decay);

}  // namespace nw::optim
