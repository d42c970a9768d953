#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/backend/backend.h"
#include "core/backend/math_mode.h"
#include "core/nn/module.h"

namespace nw::train {

/// What the forward of a training step leaves on its device.
struct StepFigures {
  Tensor loss;     // one element, with history
  Tensor correct;  // one element, or undefined
};

/// The parts of a training step.
struct StepWork {
  std::function<StepFigures(const Tensor& x, const Tensor& y)> forward;
  std::function<void(const Tensor& loss)> backward;

  /// What becomes of weights and gradients then: at once; or prepared on the host (true: queue()
  /// would be the same work as the last time), queued on the device, and brought to an end on the
  /// host.
  struct Update {
    std::function<void()> run;
    std::function<bool()> prepare;
    std::function<void()> queue;
    std::function<void()> finish;
    std::string refusal;  // why it cannot be recorded; empty: it can
  };
  Update update;

  /// What else forward and backward depend on, as a number. Null: nothing.
  std::function<int64_t()> setting = {};
  /// Of several ranks that record and replay together: whether all were ready after the last step,
  /// and whether all could, which is asked of all in one step. Null: there is one only.
  std::function<bool()> all_ready = {};
  std::function<bool(bool could)> all_could = {};
  /// Called where a recording failed.
  std::function<void()> forget = {};
  std::string refusal = {};  // why nothing of it can be recorded; empty: it can
};

/// The training steps of a model. Where the device can record work (Backend::capture), forward,
/// backward and update are recorded after some steps as they always were, and from then on
/// replayed: the same numbers, queued at once. What a recording is good for: a batch of the same
/// sizes, the same modules in the same modes without hooks, the same parameters and buffers in the
/// same memory, the same rules of arithmetic. Anything else is done step by step; other parameters
/// are recorded anew. Learning rates, other options of the optimiser and seeds act on replays, too.
/// Gradients lie in the same memory after each replay. Not thread-safe.
class RecordedStep {
 public:
  /// `model` must outlive this. Forward draws from default_generator() alone. Hooks that parameters
  /// have now are part of the work.
  RecordedStep(nn::Module& model, Device device, StepWork work);

  /// Gradients must be cleared. The figures' tensors are overwritten by the next step. `whole`: the
  /// samples of the batch over all ranks.
  StepFigures forward(const Tensor& x, const Tensor& y, int64_t whole);
  /// Of the forward before.
  void backward();
  /// By the gradients of the backward before.
  void update();

  /// Whether the step was replayed.
  bool replaying() const { return replaying_; }
  /// Whether steps were alike for long enough to record the next one.
  bool ready() const { return refusal_.empty() && alike_ + 1 >= kWarmUps; }
  /// How many steps were replayed.
  int64_t replays() const { return replays_; }
  /// Why nothing is recorded; empty: it is, or will be.
  const std::string& refusal() const { return refusal_; }
  /// The same of the update alone.
  const std::string& update_refusal() const { return work_.update.refusal; }
  /// What a person is told: "Steps are replayed from recordings."
  std::string report() const;

  /// So many steps alike are done before one is recorded: libraries choose algorithms in them.
  static constexpr int kWarmUps = 3;

 private:
  /// What a recording depends on.
  struct Place {
    const void* memory;
    uint32_t dtype;
    bool learns;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Part {
    const nn::Module* module;
    bool training;
    friend bool operator==(const Part&, const Part&) = default;
  };
  struct Conditions {
    int64_t whole;
    Dims x_sizes, y_sizes;
    DType x_dtype, y_dtype;
    MathMode math;
    int64_t setting;
    bool hooked;  // there are hooks, which must run each time
    std::vector<Part> parts;
    std::vector<Place> places;
    friend bool operator==(const Conditions&, const Conditions&) = default;
  };
  /// The parts of a step, and what they read and write.
  struct Recorded {
    Tensor x, y;
    StepFigures figures;
    std::unique_ptr<Captured> forward;
    std::unique_ptr<Captured> backward;
    std::unique_ptr<Captured> update;
    std::vector<std::pair<Tensor, Tensor>> gradients;  // parameters and theirs
  };

  Conditions conditions_of(const Tensor& x, const Tensor& y, int64_t whole) const;
  size_t hooks_on_parameters() const;
  bool may_replay(const Conditions& now) const;
  bool may_record(const Conditions& now);
  bool record(const Tensor& x, const Tensor& y);
  bool record_with_others(bool may, const Tensor& x, const Tensor& y);
  bool take_recording(const Tensor& x, const Tensor& y, int64_t whole);
  void record_update();
  void clear_gradients() const;

  nn::Module& model_;
  Device device_;
  StepWork work_;
  size_t own_hooks_;
  std::string refusal_;
  Conditions seen_{};
  int alike_ = 0;  // steps in a row under these conditions
  Conditions recorded_under_{};
  std::unique_ptr<Recorded> recorded_;
  bool replaying_ = false;
  Tensor loss_;  // of the forward that was not replayed
  int64_t replays_ = 0;
};

}  // namespace nw::train
