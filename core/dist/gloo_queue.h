#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/dist/gloo_mesh.h"
#include "core/dist/sockets.h"

namespace nw::dist {

class GlooQueue;

/// A Work that the queue's thread completes, or who waits for it.
class GlooWork final : public Work {
 public:
  explicit GlooWork(GlooQueue& queue) : queue_(&queue) {}
  bool is_completed() const override;
  void wait() override;
  /// `problem`: what wait() throws; empty: none.
  void complete(std::string problem = {});

 private:
  mutable std::mutex mutex_;
  std::condition_variable completed_;
  GlooQueue* queue_;  // null once done
  std::string problem_;
};

/// What an operation is called in messages, and what it does. `rank`: the only other rank that it
/// needs, or -1.
struct GlooTask {
  std::string_view op;                // "all_reduce"
  std::function<std::string()> text;  // "all_reduce (sum) of 12 float32 elements"
  int rank = -1;
  /// What waits for nobody, on the caller's thread where nothing is before it.
  std::function<void()> begin;
  std::function<void()> run;
  /// run() only takes what others sent by their begin(): it can be left until it is waited for.
  bool may_rest = false;
};

/// Runs a group's operations: those in the queue in their order, on one thread or on that of who
/// waits for them, and each of the others on a thread of its own. A timer breaks the connections
/// when one takes longer than the timeout, or does not end soon after a rank was lost. After the
/// first failure every operation fails with its cause.
class GlooQueue {
 public:
  GlooQueue(GlooMesh& mesh, std::chrono::milliseconds timeout);
  /// What is still under way fails.
  ~GlooQueue();
  GlooQueue(const GlooQueue&) = delete;
  GlooQueue& operator=(const GlooQueue&) = delete;

  WorkHandle queue(GlooTask task);
  /// Beside the queue; begins before any later operation does.
  WorkHandle start(GlooTask task);
  void abort(const std::string& cause);

 private:
  friend class GlooWork;
  struct Waiting {
    GlooTask task;
    std::shared_ptr<GlooWork> work;
    bool has_begun = false;
    bool rests = false;  // until it is waited for
  };
  struct Side {
    std::thread thread;
    bool done = false;
  };
  struct Running {
    const GlooTask* task;
    Clock::time_point begin;
    Clock::time_point deadline;
    bool patient = false;  // has waited for others to say more
  };

  void work();
  void watch();
  void enter();
  void help(const GlooWork& work);
  void wake(const GlooWork& work);
  void run_first(std::unique_lock<std::mutex>& lock);
  std::string run(Waiting& waiting);
  /// Does it under the timer's eye; the text of what went wrong, or an empty one.
  std::string attempt(const GlooTask& task, const std::function<void()>& body);
  std::optional<std::string> overdue(Clock::time_point now);
  std::optional<std::string> bereft(Clock::time_point now) const;
  std::string problem_text(const GlooTask& task, const std::string& cause) const;
  std::string cause() const;
  void set_cause(const std::string& cause);
  void join_done();

  GlooMesh& mesh_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;  // of all that follows but the two threads; a work's goes before it
  std::condition_variable more_, end_;
  std::deque<Waiting> queue_;
  bool busy_ = false;  // one of the queue is begun or run
  int helpers_ = 0;    // threads that wait for a work of the queue
  std::list<Running> running_;
  std::list<Side> sides_;
  std::string cause_;
  bool ending_ = false;
  std::thread worker_, timer_;
};

}  // namespace nw::dist
