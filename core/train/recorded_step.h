#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/backend/backend.h"
#include "core/nn/module.h"

namespace nw::train {

/// What the forward of a training step leaves on its device.
struct StepFigures {
  Tensor loss;     // one element, with history
  Tensor correct;  // one element, or undefined
};

/// Forward and backward of a training step. Where the device can record work (Backend::capture),
/// they are recorded after some steps as they always were, and from then on replayed: the same
/// numbers, queued at once. What a recording is good for: a batch of the same sizes, the same
/// parameters and buffers in the same memory, training as before, the same seed. Anything else is
/// done step by step; other parameters are recorded anew. Gradients lie in the same memory after
/// each replay; the optimiser's step is none of this. Not thread-safe.
class RecordedStep {
 public:
  using Forward = std::function<StepFigures(const Tensor& x, const Tensor& y)>;
  using Backward = std::function<void(const Tensor& loss)>;

  /// `model` must outlive this. Forward draws from default_generator() alone.
  RecordedStep(nn::Module& model, Device device, Forward forward, Backward backward);

  /// Gradients must be cleared. The figures' tensors are overwritten by the next step.
  StepFigures forward(const Tensor& x, const Tensor& y);
  /// Of the forward before.
  void backward();

  /// How many steps were replayed.
  int64_t replays() const { return replays_; }
  /// Why nothing is recorded; empty: it is, or will be.
  const std::string& refusal() const { return refusal_; }

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
  struct Conditions {
    Dims x_sizes, y_sizes;
    DType x_dtype, y_dtype;
    bool training;
    uint64_t seed;
    std::vector<Place> places;
    friend bool operator==(const Conditions&, const Conditions&) = default;
  };
  /// A forward and its backward, and what they read and write.
  struct Recorded {
    Tensor x, y;
    StepFigures figures;
    std::unique_ptr<Captured> forward;
    std::unique_ptr<Captured> backward;
    std::vector<std::pair<Tensor, Tensor>> gradients;  // parameters and theirs
  };

  Conditions conditions_of(const Tensor& x, const Tensor& y) const;
  bool may_record(const Conditions& now);
  bool record(const Tensor& x, const Tensor& y);
  void clear_gradients() const;

  nn::Module& model_;
  Device device_;
  Forward forward_;
  Backward backward_;
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
