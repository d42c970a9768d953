#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/backend/fetch.h"
#include "core/optim/optimizer.h"

namespace nw::optim {

/// The steps of an optimiser as work that can be recorded (Backend::capture) and replayed, with the
/// numbers that step() gives. The host counts each step and sends what changes with it (learning
/// rate, corrections, all options) to a place on the device that the recorded work reads:
///
///     prepare();                   // and, for work that is not the same as before,
///     capture([&] { queue(); });   // or queue() itself, or replay
///
/// For optimisers without a closure whose parameters are on one device. Between prepare() and
/// settle() the optimiser's state is not to be looked at. Not thread-safe, but for
/// settle().
class RecordableStep {
 public:
  /// `optimizer` must outlive this.
  explicit RecordableStep(Optimizer& optimizer);
  ~RecordableStep();

  /// Counts the next step and sends its numbers; gradients must be there. True: queue() would be
  /// the same work on the same memory as the last time.
  bool prepare();
  /// Queues the step. It changes nothing where `skip` (scalar, float32, of the device; may be
  /// undefined) is not 0.
  void queue(const Tensor& skip);
  /// Lets the step that was prepared and queued count only if `skip` is 0. Does not wait.
  void count_unless(const Tensor& skip);
  /// Waits for what count_unless() asked for, which prepare() does, too.
  void settle();
  /// Forgets it: the optimiser has got another state.
  void forget() { left_out_.reset(); }

 private:
  /// Of one parameter's state.
  struct Before {
    bool started;
    std::array<bool, Optimizer::kSlots> defined;
    std::array<double, Optimizer::kSlots> numbers;
  };

  void send();
  std::vector<uintptr_t> work() const;

  Optimizer& optimizer_;
  std::span<Optimizer::Batch> batches_;
  Tensor numbers_;               // (batches, kRuleBytes), uint8, on the device
  std::vector<uintptr_t> work_;  // what the step that was prepared last depends on
  std::vector<Before> before_;   // all states before it
  std::mutex settling_;
  std::optional<Fetch> left_out_;
};

}  // namespace nw::optim
