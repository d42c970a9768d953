#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace nw::train {

/// What a person may ask of a run, from any thread, and the gate at which the run obeys.
class RunControl {
 public:
  enum class Batch : uint8_t { Training, Evaluation };

  void pause();
  void resume();
  void stop();
  /// Lets one training batch through, then pauses. Evaluation that follows it belongs to it.
  void step();
  bool stopped() const;

  /// What is asked for before a batch, the stronger one later.
  enum class Wish : uint8_t { Go, Step, Wait, Stop };
  Wish wish(Batch batch) const;
  /// Waits until the wish is no longer to wait, or for `most`.
  void wait_while_paused(Batch batch, std::chrono::milliseconds most);
  /// Tells that the batch was let through, to a run that asks for wishes.
  void let_through(Batch batch);

  /// Waits while the run is paused; false when it is to stop. `on_pause` and `on_resume` are called
  /// on the calling thread.
  bool admit(Batch batch, const std::function<void()>& on_pause,
             const std::function<void()>& on_resume);

 private:
  bool blocked(Batch batch) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool paused_ = false;
  bool stopped_ = false;
  bool stepping_ = false;  // paused by step(), not by pause()
  int64_t allowed_ = 0;    // training batches to let through while paused
};

/// Keeps those who copy the weights and the one who changes them apart, and lets neither starve: a
/// visitor waits for the current batch at most, the next batch for those who came before it.
class Turnstile {
 public:
  /// The run's side, around each batch.
  class Batch {
   public:
    explicit Batch(Turnstile& turnstile);
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    Turnstile& turnstile_;
  };
  /// The visitors' side; many at a time.
  class Visit {
   public:
    explicit Visit(Turnstile& turnstile);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Turnstile& turnstile_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  bool batch_waits_ = false;
  int waiting_ = 0;   // visitors
  int admitted_ = 0;  // of the waiting ones, those who go in front of the next batch
  int inside_ = 0;    // visitors
};

}  // namespace nw::train
