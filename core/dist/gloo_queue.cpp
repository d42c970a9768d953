#include "core/dist/gloo_queue.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "core/dist/pipe_signal.h"

namespace nw::dist {
namespace {

// How much later a rank that does not know who is missing gives up: the others tell it.
constexpr std::chrono::milliseconds kPatience{1000};
// How long an operation that does not notice by itself may go on after a rank was lost, and how
// often that is looked at. A rank may also have ended after its part of the last operation.
constexpr std::chrono::milliseconds kAfterLoss{1000}, kLook{200};
// A timer that comes so late was held.
constexpr std::chrono::milliseconds kHeld{1000};

}  // namespace

bool GlooWork::is_completed() const {
  const std::lock_guard lock(mutex_);
  if (queue_ != nullptr) queue_->wake(*this);
  return queue_ == nullptr;
}

void GlooWork::wait() {
  std::unique_lock lock(mutex_);
  if (queue_ != nullptr) {
    GlooQueue& queue = *queue_;
    queue.enter();
    lock.unlock();
    queue.help(*this);
    lock.lock();
  }
  completed_.wait(lock, [&] { return queue_ == nullptr; });
  if (!problem_.empty()) throw Error(problem_);
}

void GlooWork::complete(std::string problem) {
  const std::lock_guard lock(mutex_);
  queue_ = nullptr;
  problem_ = std::move(problem);
  completed_.notify_all();
}

GlooQueue::GlooQueue(GlooMesh& mesh, std::chrono::milliseconds timeout)
    : mesh_(mesh), timeout_(timeout), worker_([this] { work(); }), timer_([this] { watch(); }) {}

GlooQueue::~GlooQueue() {
  set_cause(mesh_.leave());
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    more_.notify_all();
    end_.notify_all();
  }
  worker_.join();
  timer_.join();
  for (Side& side : sides_) side.thread.join();
  std::unique_lock lock(mutex_);
  end_.wait(lock, [&] { return helpers_ == 0; });
}

WorkHandle GlooQueue::queue(GlooTask task) {
  const auto work = std::make_shared<GlooWork>(*this);
  Waiting waiting{std::move(task), work};
  std::unique_lock lock(mutex_);
  if (busy_ || !queue_.empty()) {
    if (!queue_.empty()) queue_.front().rests = false;
    queue_.push_back(std::move(waiting));
  } else {
    busy_ = true;
    lock.unlock();
    const std::string problem = attempt(waiting.task, waiting.task.begin);
    if (!problem.empty()) work->complete(problem);
    lock.lock();
    busy_ = false;
    waiting.has_begun = true;
    waiting.rests = waiting.task.may_rest && queue_.empty();
    if (problem.empty()) queue_.push_front(std::move(waiting));
  }
  if (!queue_.empty() && !queue_.front().rests) more_.notify_one();
  return work;
}

WorkHandle GlooQueue::start(GlooTask task) {
  join_done();
  const auto work = std::make_shared<GlooWork>(*this);
  Waiting waiting{std::move(task), work, true};
  std::string problem = attempt(waiting.task, waiting.task.begin);
  if (!problem.empty()) {
    work->complete(std::move(problem));
    return work;
  }
  const std::lock_guard lock(mutex_);
  Side& side = sides_.emplace_back();
  side.thread = std::thread([this, &side, waiting = std::move(waiting)]() mutable {
    waiting.work->complete(run(waiting));
    const std::lock_guard done_lock(mutex_);
    side.done = true;
  });
  return work;
}

void GlooQueue::abort(const std::string& cause) {
  set_cause(mesh_.break_all(cause));
}

void GlooQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock,
               [&] { return !busy_ && (ending_ || (!queue_.empty() && !queue_.front().rests)); });
    if (queue_.empty()) return;
    run_first(lock);
  }
}

/// Before help(): keeps the queue there meanwhile.
void GlooQueue::enter() {
  const std::lock_guard lock(mutex_);
  ++helpers_;
}

/// Runs what rests until somebody waits for it.
void GlooQueue::help(const GlooWork& work) {
  std::unique_lock lock(mutex_);
  if (!busy_ && !queue_.empty() && queue_.front().rests && queue_.front().work.get() == &work) {
    run_first(lock);
    if (ending_ || !queue_.empty()) more_.notify_one();
  }
  --helpers_;
  if (ending_) end_.notify_all();
}

/// Lets the queue's thread run it.
void GlooQueue::wake(const GlooWork& work) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || !queue_.front().rests || queue_.front().work.get() != &work) return;
  queue_.front().rests = false;
  more_.notify_one();
}

/// Lets go of the lock meanwhile. When the work is done, the queue is ready for the next one.
void GlooQueue::run_first(std::unique_lock<std::mutex>& lock) {
  Waiting first = std::move(queue_.front());
  queue_.pop_front();
  busy_ = true;
  lock.unlock();
  std::string problem = run(first);
  lock.lock();
  busy_ = false;
  lock.unlock();
  first.work->complete(std::move(problem));
  lock.lock();
}

std::string GlooQueue::run(Waiting& waiting) {
  GlooTask& task = waiting.task;
  std::string problem = attempt(task, [&] {
    if (!waiting.has_begun) task.begin();
    task.run();
  });
  task.begin = task.run = nullptr;  // lets go of the tensors before anyone is told
  return problem;
}

std::string GlooQueue::attempt(const GlooTask& task, const std::function<void()>& body) {
  const NoPipeSignal guard;
  std::unique_lock lock(mutex_);
  if (!cause_.empty()) return problem_text(task, cause_);
  const auto entry = running_.insert(running_.end(), {&task, Clock::now(), deadline_in(timeout_)});
  lock.unlock();
  std::string problem;
  try {
    body();
  } catch (const std::exception& error) {
    set_cause(mesh_.break_after(error));
    problem = problem_text(task, cause());
  }
  lock.lock();
  running_.erase(entry);
  return problem;
}

void GlooQueue::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    // What begins meanwhile ends no earlier than one timeout from now.
    Clock::time_point next = deadline_in(std::min(timeout_, kLook));
    for (const Running& running : running_) next = std::min(next, running.deadline);
    end_.wait_until(lock, next);
    const Clock::time_point now = Clock::now();
    // While a signal held this process, no time passed for it.
    if (now - next > kHeld) {
      for (Running& running : running_) running.deadline += now - next;
    }
    std::optional<std::string> cause = cause_.empty() ? bereft(now) : std::nullopt;
    if (!cause) cause = overdue(now);
    if (!cause) continue;
    lock.unlock();
    abort(*cause);
    lock.lock();
    for (Running& running : running_) running.deadline = deadline_in(std::chrono::hours(24));
  }
}

/// The cause to give up with, where a rank was lost and an operation does not notice.
std::optional<std::string> GlooQueue::bereft(Clock::time_point now) const {
  const std::optional<GlooMesh::Loss> loss = mesh_.loss();
  if (!loss) return {};
  for (const Running& running : running_) {
    if (now - std::max(running.begin, loss->time) > kAfterLoss) return loss->cause;
  }
  return {};
}

/// The cause to give up with, where the time of a running operation is over.
std::optional<std::string> GlooQueue::overdue(Clock::time_point now) {
  for (Running& running : running_) {
    if (now < running.deadline) continue;
    const int missing = running.task->rank >= 0 ? running.task->rank : mesh_.awaited.load();
    if (missing < 0 && !running.patient) {
      running.patient = true;
      running.deadline = now + std::min(kPatience, timeout_ / 4);
      continue;
    }
    return concat("rank ", mesh_.rank(), " waited ", to_text(timeout_), " in ",
                  running.task->text(),
                  missing >= 0 ? concat(" for rank ", missing, ", which did not come to it")
                               : std::string(", which did not end"),
                  " (the timeout)");
  }
  return {};
}

std::string GlooQueue::problem_text(const GlooTask& task, const std::string& cause) const {
  return concat("[", task.op, "] failed on rank ", mesh_.rank(), " of ", mesh_.size(), ": ", cause);
}

std::string GlooQueue::cause() const {
  const std::lock_guard lock(mutex_);
  return cause_;
}

void GlooQueue::set_cause(const std::string& cause) {
  const std::lock_guard lock(mutex_);
  if (cause_.empty()) cause_ = cause;
}

void GlooQueue::join_done() {
  const std::lock_guard lock(mutex_);
  for (auto side = sides_.begin(); side != sides_.end();) {
    if (!side->done) {
      ++side;
      continue;
    }
    side->thread.join();
    side = sides_.erase(side);
  }
}

}  // namespace nw::dist
