#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/optim/optimizer.h"
#include "core/optim/optimizer_state.h"

namespace nw::optim {

/// torch.cuda.amp.GradScaler, for any device: multiplies the loss so that gradients of float16 do
/// not vanish, divides them again, leaves out steps whose gradients are not finite, and finds the
/// scale by itself: it shrinks then, and grows after so many good steps. The scale lives on the
/// device of the first loss; get_scale() and state_dict() wait for it. Not thread-safe.
///
///     autograd::backward(scaler.scale(loss));
///     scaler.unscale_(optimizer);  // only where gradients are looked at before the step
///     scaler.step(optimizer);
///     scaler.update();
class GradScaler {
 public:
  struct Options {
    double init_scale = 65536;
    double growth_factor = 2;
    double backoff_factor = 0.5;
    int64_t growth_interval = 2000;  // steps
    bool enabled = true;             // else it does nothing
  };
  /// Throws Error unless growth_factor is above and backoff_factor below 1.
  GradScaler() : GradScaler(Options()) {}
  explicit GradScaler(const Options& options);

  /// outputs · scale, with history. The scale stays in one place of the device's memory.
  Tensor scale(const Tensor& outputs);
  /// Divides the gradients of the optimiser's parameters, in place, and looks whether all are
  /// finite. Throws Error where they are float16, or when it was done since the last update().
  void unscale_(Optimizer& optimizer);
  /// unscale_(), where that was not done yet, and a step unless a gradient is not finite. False: it
  /// was left out. Waits for the device.
  bool step(Optimizer& optimizer);
  /// At the end of an iteration: the next one's scale, or the given one.
  void update(std::optional<double> new_scale = {});

  /// The same as work that waits for nothing, for an iteration that is recorded or replayed
  /// (Backend::capture): unscale_(), and a scalar of the device that is not 0 where a gradient is
  /// not finite; and update() by that scalar.
  Tensor unscale_to_flag(const Optimizer& optimizer) const;
  void update_by(const Tensor& found) const;

  bool is_enabled() const { return options_.enabled; }
  double get_scale() const;
  const Options& options() const { return options_; }

  /// torch's: "scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker".
  StateEntries state_dict() const;
  /// Throws Error for one that is empty.
  void load_state_dict(const StateEntries& state);

 private:
  enum class Stage : uint8_t { Unscaled, Stepped };
  struct Iteration {
    Stage stage;
    Tensor found;  // of unscale_to_flag()
    std::optional<bool> finite = {};
  };
  /// Scalars on the device: the scale and 1 / scale, float32, and the good steps in a row, int64.
  struct OnDevice {
    Tensor scale, inverse, good_steps;
  };

  void make_scale(Device device);
  void set_scale(double scale);
  static bool is_finite(Iteration& iteration);

  Options options_;
  int64_t first_good_steps_ = 0;  // and options_.init_scale, until there is a device
  OnDevice now_;                  // undefined until the first scale()
  std::map<const Optimizer*, Iteration> iterations_;
};

}  // namespace nw::optim
