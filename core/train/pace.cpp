#include "core/train/pace.h"

#include <algorithm>

namespace nw::train {
namespace {

constexpr double kWindowSeconds = 0.5;
// Before the first evaluation: forward alone costs about a third of a training step.
constexpr double kEvaluationSpeedup = 3;
constexpr double kShortest = 1e-6;  // clocks may stand still between two quick batches

}  // namespace

double RunClock::seconds() const {
  const Clock::time_point now = is_paused_ ? paused_at_ : Clock::now();
  return std::chrono::duration<double>(now - start_ - paused_).count();
}

void RunClock::pause() {
  paused_at_ = Clock::now();
  is_paused_ = true;
}

void RunClock::resume() {
  if (is_paused_) paused_ += Clock::now() - paused_at_;
  is_paused_ = false;
}

void Pace::begin(double now, int64_t training_samples, int64_t evaluation_samples) {
  before_ = now_ = {now, 0};
  training_left_ = training_samples;
  evaluation_left_ = evaluation_samples;
}

void Pace::trained(double now, int64_t samples) {
  now_.samples += samples;
  training_left_ -= samples;
  if (now - now_.start < kWindowSeconds) return;
  before_ = now_;
  now_ = {now, 0};
}

void Pace::evaluated(double since, double now, int64_t samples) {
  before_.start += now - since;
  now_.start += now - since;
  evaluation_left_ -= samples;
  evaluation_rate_ = static_cast<double>(samples) / std::max(now - since, kShortest);
}

double Pace::samples_per_second(double now) const {
  const auto samples = static_cast<double>(before_.samples + now_.samples);
  return samples / std::max(now - before_.start, kShortest);
}

double Pace::seconds_left(double now) const {
  const double rate = std::max(samples_per_second(now), kShortest);
  const double evaluation_rate =
      evaluation_rate_ > 0 ? evaluation_rate_ : rate * kEvaluationSpeedup;
  return static_cast<double>(training_left_) / rate +
         static_cast<double>(evaluation_left_) / evaluation_rate;
}

}  // namespace nw::train
