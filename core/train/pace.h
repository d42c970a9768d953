#pragma once

#include <chrono>
#include <cstdint>

namespace nw::train {

/// Seconds since it was made, without those spent in a pause.
class RunClock {
 public:
  double seconds() const;
  void pause();
  void resume();

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  Clock::time_point paused_at_;
  Clock::duration paused_{};
  bool is_paused_ = false;
};

/// How fast samples go through, measured over the last half to one second, and how long the rest
/// will take. Times are a RunClock's.
class Pace {
 public:
  /// `samples`: still to be trained on and to be evaluated in the whole run.
  void begin(double now, int64_t training_samples, int64_t evaluation_samples);
  void trained(double now, int64_t samples);
  /// After an evaluation that began at `since`.
  void evaluated(double since, double now, int64_t samples);

  double samples_per_second(double now) const;
  double seconds_left(double now) const;

 private:
  struct Window {
    double start = 0;
    int64_t samples = 0;
  };
  Window before_;
  Window now_;
  int64_t training_left_ = 0;
  int64_t evaluation_left_ = 0;
  double evaluation_rate_ = 0;  // samples per second; 0: not measured yet
};

}  // namespace nw::train
