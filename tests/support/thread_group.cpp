#include "tests/support/thread_group.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::test {

using dist::Reduction;
using dist::WorkHandle;

namespace {

enum class Kind : uint8_t { AllReduce, Broadcast, AllGather, ReduceScatter, Barrier };

/// What one rank brings to an operation.
struct Part {
  Tensor input;
  std::vector<Tensor> others;  // outputs of all_gather, inputs of reduce_scatter
};

/// One operation of all ranks.
struct Meeting {
  Kind kind = Kind::Barrier;
  std::string what;
  Reduction reduction = Reduction::Sum;
  int root = 0;
  std::vector<std::optional<Part>> parts;
  size_t arrived = 0;
  bool done = false;
};

}  // namespace

struct ThreadWorld::Shared {
  int size = 1;
  std::chrono::milliseconds timeout{0};
  std::function<void(int, const std::string&)> log;
  std::mutex mutex;
  std::condition_variable changed;
  std::string aborted;
  std::map<uint64_t, std::shared_ptr<Meeting>> meetings;  // by number
  std::vector<uint64_t> next;                             // of each rank
  std::vector<uint64_t> sent;
  std::map<std::tuple<int, int, uint32_t>, std::vector<Tensor>> letters;  // from, to, tag
};

namespace {

using Shared = ThreadWorld::Shared;

Tensor reduced(const std::vector<Tensor>& inputs, Reduction reduction) {
  Tensor sum = raw::clone(inputs[0]);
  for (size_t i = 1; i < inputs.size(); ++i) {
    const Tensor next = empty_like(sum);
    const BinaryOp op = reduction == Reduction::Product ? BinaryOp::Mul
                        : reduction == Reduction::Min   ? BinaryOp::Minimum
                        : reduction == Reduction::Max   ? BinaryOp::Maximum
                                                        : BinaryOp::Add;
    kernels_of(sum).binary(op, sum, raw::contiguous(inputs[i]), next);
    sum = next;
  }
  if (reduction != Reduction::Average) return sum;
  const Tensor mean = empty_like(sum);
  kernels_of(sum).affine(sum, 1.0 / static_cast<double>(inputs.size()), 0.0, mean);
  return mean;
}

void perform(Meeting& meeting) {
  const auto each_input = [&](auto input_of) {
    std::vector<Tensor> inputs;
    for (const auto& part : meeting.parts) inputs.push_back(input_of(*part));
    return inputs;
  };
  switch (meeting.kind) {
    case Kind::AllReduce: {
      const Tensor result =
          reduced(each_input([](const Part& part) { return part.input; }), meeting.reduction);
      for (const auto& part : meeting.parts) raw::copy_(part->input, result);
      return;
    }
    case Kind::Broadcast: {
      const Tensor source = raw::clone(meeting.parts[static_cast<size_t>(meeting.root)]->input);
      for (const auto& part : meeting.parts) raw::copy_(part->input, source);
      return;
    }
    case Kind::AllGather:
      for (const auto& part : meeting.parts) {
        for (size_t r = 0; r < meeting.parts.size(); ++r) {
          raw::copy_(part->others[r], meeting.parts[r]->input);
        }
      }
      return;
    case Kind::ReduceScatter:
      for (size_t r = 0; r < meeting.parts.size(); ++r) {
        raw::copy_(meeting.parts[r]->input,
                   reduced(each_input([r](const Part& part) { return part.others[r]; }),
                           meeting.reduction));
      }
      return;
    case Kind::Barrier:
      return;
  }
}

class ThreadWork : public dist::Work {
 public:
  ThreadWork(std::shared_ptr<Shared> shared, std::string what, int rank,
             std::function<bool()> is_done)
      : shared_(std::move(shared)),
        what_(std::move(what)),
        rank_(rank),
        is_done_(std::move(is_done)) {}

  bool is_completed() const override {
    const std::lock_guard lock(shared_->mutex);
    return is_done_();
  }
  void wait() override {
    std::unique_lock lock(shared_->mutex);
    const bool came = shared_->changed.wait_for(
        lock, shared_->timeout, [&] { return is_done_() || !shared_->aborted.empty(); });
    if (is_done_()) return;
    NW_CHECK(came, "[", what_, "] rank ", rank_, " waited in vain for the others");
    throw Error(concat("[", what_, "] rank ", rank_, ": ", shared_->aborted));
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::string what_;
  int rank_;
  std::function<bool()> is_done_;  // under the mutex
};

class ThreadGroup : public dist::ProcessGroup {
 public:
  ThreadGroup(std::shared_ptr<Shared> shared, int rank) : shared_(std::move(shared)), rank_(rank) {}

  std::string_view backend() const override { return "threads"; }
  int rank() const override { return rank_; }
  int size() const override { return shared_->size; }
  DeviceType device_type() const override { return DeviceType::Cpu; }
  std::chrono::milliseconds timeout() const override { return shared_->timeout; }

  WorkHandle all_reduce(const Tensor& tensor, Reduction reduction) override {
    return meet({.kind = Kind::AllReduce,
                 .what = concat("all_reduce ", tensor.numel()),
                 .reduction = reduction,
                 .parts = {}},
                {tensor, {}});
  }
  WorkHandle broadcast(const Tensor& tensor, int root) override {
    return meet({.kind = Kind::Broadcast,
                 .what = concat("broadcast ", tensor.numel()),
                 .root = root,
                 .parts = {}},
                {tensor, {}});
  }
  WorkHandle all_gather(const Tensor& input, std::span<const Tensor> outputs) override {
    return meet(
        {.kind = Kind::AllGather, .what = concat("all_gather ", input.numel()), .parts = {}},
        {input, {outputs.begin(), outputs.end()}});
  }
  WorkHandle reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                            Reduction reduction) override {
    return meet({.kind = Kind::ReduceScatter,
                 .what = concat("reduce_scatter ", output.numel()),
                 .reduction = reduction,
                 .parts = {}},
                {output, {inputs.begin(), inputs.end()}});
  }
  WorkHandle barrier() override {
    return meet({.kind = Kind::Barrier, .what = "barrier", .parts = {}}, {});
  }

  WorkHandle send(const Tensor& tensor, int to, uint32_t tag) override {
    const std::lock_guard lock(shared_->mutex);
    shared_->letters[{rank_, to, tag}].push_back(raw::clone(tensor));
    shared_->changed.notify_all();
    return std::make_shared<ThreadWork>(shared_, "send", rank_, [] { return true; });
  }
  WorkHandle recv(const Tensor& tensor, int from, uint32_t tag) override {
    const auto arrived = [this, tensor, from, tag, done = false]() mutable {
      auto& box = shared_->letters[{from, rank_, tag}];
      if (done || box.empty()) return done;
      raw::copy_(tensor, box.front());
      box.erase(box.begin());
      return done = true;
    };
    return std::make_shared<ThreadWork>(shared_, "recv", rank_, arrived);
  }

  void abort(const std::string& reason) override {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->aborted.empty()) shared_->aborted = reason;
    shared_->changed.notify_all();
  }
  uint64_t bytes_sent() const override {
    const std::lock_guard lock(shared_->mutex);
    return shared_->sent[static_cast<size_t>(rank_)];
  }

 private:
  WorkHandle meet(Meeting opened, Part part) {
    const auto self = static_cast<size_t>(rank_);
    if (shared_->log) shared_->log(rank_, opened.what);
    const std::lock_guard lock(shared_->mutex);
    NW_CHECK(shared_->aborted.empty(), "[", opened.what, "] rank ", rank_, ": ", shared_->aborted);
    const uint64_t number = shared_->next[self]++;
    std::shared_ptr<Meeting>& meeting = shared_->meetings[number];
    if (!meeting) {
      meeting = std::make_shared<Meeting>(std::move(opened));
      meeting->parts.resize(static_cast<size_t>(shared_->size));
    } else {
      NW_CHECK(meeting->what == opened.what && meeting->reduction == opened.reduction, "[",
               opened.what, "] rank ", rank_, " comes to it where another comes to ",
               meeting->what);
    }
    if (part.input.defined()) {
      shared_->sent[self] += static_cast<uint64_t>(part.input.numel()) *
                             item_bytes(part.input.dtype()) * (shared_->size > 1 ? 1 : 0);
    }
    meeting->parts[self] = std::move(part);
    const std::shared_ptr<Meeting> held = meeting;
    if (++held->arrived == held->parts.size()) {
      perform(*held);
      held->done = true;
      held->parts.clear();
      shared_->meetings.erase(number);
      shared_->changed.notify_all();
    }
    return std::make_shared<ThreadWork>(shared_, held->what, rank_, [held] { return held->done; });
  }

  std::shared_ptr<Shared> shared_;
  int rank_;
};

}  // namespace

ThreadWorld::ThreadWorld(int size, std::chrono::milliseconds timeout)
    : shared_(std::make_shared<Shared>()) {
  shared_->size = size;
  shared_->timeout = timeout;
  shared_->next.resize(static_cast<size_t>(size));
  shared_->sent.resize(static_cast<size_t>(size));
}

ThreadWorld::~ThreadWorld() = default;

int ThreadWorld::size() const {
  return shared_->size;
}

std::shared_ptr<dist::ProcessGroup> ThreadWorld::group(int rank) {
  return std::make_shared<ThreadGroup>(shared_, rank);
}

void ThreadWorld::set_log(std::function<void(int, const std::string&)> log) {
  shared_->log = std::move(log);
}

std::string on_ranks(ThreadWorld& world,
                     const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body) {
  std::vector<std::string> errors(static_cast<size_t>(world.size()));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world.size(); ++rank) {
    threads.emplace_back([&, rank] {
      const std::shared_ptr<dist::ProcessGroup> group = world.group(rank);
      try {
        body(group);
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = error.what();
        group->abort(concat("rank ", rank, " failed: ", error.what()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) {
    if (!error.empty()) return error;
  }
  return {};
}

std::string on_ranks(int size,
                     const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body) {
  ThreadWorld world(size);
  return on_ranks(world, body);
}

}  // namespace nw::test
