#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace nw::widgets {

/// Smallest, largest and mean of some values.
struct Spread {
  double min = 0;
  double max = 0;
  double mean = 0;
};

/// Consecutive training steps, drawn as one point. `count` is 1 until the history thins out.
struct StepPoint {
  int64_t step = 0;  // the last one covered
  int64_t epoch = 0;
  int64_t count = 1;
  Spread loss;
  Spread accuracy;
  Spread rate = {};  // learning rate; no numbers where it is not known
};

struct EpochPoint {
  int64_t step = 0;
  int64_t epoch = 0;
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
};

/// The figures of one run in bounded memory. Up to kMaxPoints steps are kept one by one; then
/// neighbours are merged in pairs, keeping the smallest, the largest and the mean of each, so that
/// no spike is lost. A value type.
class History {
 public:
  static constexpr size_t kMaxPoints = size_t{1} << 16;

  /// A step that is not after the last one takes back those from it on: the run went on from an
  /// earlier checkpoint.
  void addStep(int64_t step, int64_t epoch, double loss, double accuracy,
               double rate = std::numeric_limits<double>::quiet_NaN());
  void addEpoch(const EpochPoint& epoch) { epochs_.push_back(epoch); }

  const std::vector<StepPoint>& steps() const { return steps_; }
  const std::vector<EpochPoint>& epochs() const { return epochs_; }
  /// Steps that one full point covers.
  int64_t stepsPerPoint() const { return width_; }
  bool empty() const { return steps_.empty() && epochs_.empty(); }

 private:
  void takeBackFrom(int64_t step);
  void halve();

  std::vector<StepPoint> steps_;
  std::vector<EpochPoint> epochs_;
  int64_t width_ = 1;
};

/// Exponential moving average with the bias of its start taken out: the first value is the first
/// point itself, later ones the weighted mean of all so far. `amount` is the weight of the past.
/// A point that covers several steps weighs as much as they. Points that are not finite are
/// skipped and repeat the value before.
std::vector<double> smoothed(const std::vector<StepPoint>& points, Spread StepPoint::*figure,
                             double amount);

}  // namespace nw::widgets
