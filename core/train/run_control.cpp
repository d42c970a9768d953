#include "core/train/run_control.h"

namespace nw::train {

void RunControl::pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
  stepping_ = false;
  allowed_ = 0;
}

void RunControl::resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  stepping_ = false;
  allowed_ = 0;
  changed_.notify_all();
}

void RunControl::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void RunControl::step() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
  stepping_ = true;
  ++allowed_;
  changed_.notify_all();
}

bool RunControl::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool RunControl::blocked(Batch batch) const {
  if (stopped_ || !paused_) return false;
  return batch == Batch::Training ? allowed_ == 0 : !stepping_;
}

RunControl::Wish RunControl::wish(Batch batch) const {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Wish::Stop;
  if (blocked(batch)) return Wish::Wait;
  return paused_ ? Wish::Step : Wish::Go;
}

void RunControl::wait_while_paused(Batch batch, std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [&] { return !blocked(batch); });
}

void RunControl::let_through(Batch batch) {
  const std::lock_guard lock(mutex_);
  if (batch == Batch::Training && paused_ && allowed_ > 0) --allowed_;
}

bool RunControl::admit(Batch batch, const std::function<void()>& on_pause,
                       const std::function<void()>& on_resume) {
  std::unique_lock lock(mutex_);
  while (blocked(batch)) {
    lock.unlock();
    on_pause();
    lock.lock();
    changed_.wait(lock, [&] { return !blocked(batch); });
    if (stopped_ || paused_) continue;
    lock.unlock();
    on_resume();
    lock.lock();
  }
  if (stopped_) return false;
  if (batch == Batch::Training && paused_) --allowed_;
  return true;
}

Turnstile::Batch::Batch(Turnstile& turnstile) : turnstile_(turnstile) {
  std::unique_lock lock(turnstile_.mutex_);
  turnstile_.batch_waits_ = true;
  turnstile_.changed_.wait(lock,
                           [&] { return turnstile_.inside_ == 0 && turnstile_.admitted_ == 0; });
  turnstile_.batch_waits_ = false;
  turnstile_.busy_ = true;
}

Turnstile::Batch::~Batch() {
  const std::lock_guard lock(turnstile_.mutex_);
  turnstile_.busy_ = false;
  turnstile_.admitted_ = turnstile_.waiting_;
  turnstile_.changed_.notify_all();
}

Turnstile::Visit::Visit(Turnstile& turnstile) : turnstile_(turnstile) {
  std::unique_lock lock(turnstile_.mutex_);
  ++turnstile_.waiting_;
  turnstile_.changed_.wait(lock, [&] {
    return !turnstile_.busy_ && (!turnstile_.batch_waits_ || turnstile_.admitted_ > 0);
  });
  --turnstile_.waiting_;
  if (turnstile_.admitted_ > 0) --turnstile_.admitted_;
  ++turnstile_.inside_;
}

Turnstile::Visit::~Visit() {
  const std::lock_guard lock(turnstile_.mutex_);
  --turnstile_.inside_;
  turnstile_.changed_.notify_all();
}

}  // namespace nw::train
