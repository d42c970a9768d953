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

/// A Work that another thread completes.
class GlooWork final : public Work {
 public:
  bool is_completed() const override;
  void wait() override;
  /// `problem`: what wait() throws; empty: none.
  void complete(std::string problem = {});

 private:
  mutable std::mutex mutex_;
  std::condition_variable completed_;
  bool done_ = false;
  std::string problem_;
};

/// What an operation is called in messages, and what it does. `rank`: the only other rank that it
/// needs, or -1.
struct GlooTask {
  std::string op;    // "all_reduce"
  std::string text;  // "all_reduce (sum) of 12 float32 elements"
  int rank = -1;
  std::function<void()> run;
};

/// Runs a group's operations: those in the queue on one thread, in their order, and each of the
/// others on a thread of its own. A timer breaks the connections when one takes longer than the
/// timeout, or does not end soon after a rank was lost. After the first failure every operation
/// fails with its cause.
class GlooQueue {
 public:
  GlooQueue(GlooMesh& mesh, std::chrono::milliseconds timeout);
  /// What is still under way fails.
  ~GlooQueue();
  GlooQueue(const GlooQueue&) = delete;
  GlooQueue& operator=(const GlooQueue&) = delete;

  WorkHandle queue(GlooTask task);
  /// Beside the queue. `begin` runs on this thread, before any later operation begins.
  WorkHandle start(GlooTask task, const std::function<void()>& begin);
  void abort(const std::string& cause);

 private:
  struct Waiting {
    GlooTask task;
    std::shared_ptr<GlooWork> work;
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
  void run(Waiting waiting);
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
  mutable std::mutex mutex_;  // of all that follows but the two threads
  std::condition_variable more_, end_;
  std::deque<Waiting> queue_;
  std::list<Running> running_;
  std::list<Side> sides_;
  std::string cause_;
  bool ending_ = false;
  std::thread worker_, timer_;
};

}  // namespace nw::dist
