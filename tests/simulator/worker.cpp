#include "tests/simulator/world.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/simulator/arena.h"
#include "tests/simulator/queue.h"

/// The thread that does the work of all devices. It is late on purpose: it begins when somebody
/// waits, when much has come together, or after some time.
namespace nw::simulated {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMostPieces = 1024;  // a thread that queues more is held up
constexpr uint32_t kLatest = 8;       // ms after which work begins by itself
constexpr uint32_t kTurns = 12;       // pieces between two draws of who goes first
constexpr uint32_t kClosings = 4;     // times that work is over until memory is closed; it is slow
constexpr size_t kWindow = 64;        // nodes of a graph that may overtake each other

/// Whether the head of a stream may be done now. Locked.
bool is_ready(const Piece& piece) {
  if (piece.await != nullptr) return piece.await->done;
  if (piece.run != nullptr) return piece.run->graph->finished == piece.run->turn;
  return true;
}

/// What lies in streams of devices that are lost is left undone. Locked.
void forget_lost() {
  World& w = world();
  for (auto& [number, stream] : w.streams) {
    if (w.lost[static_cast<size_t>(stream.device)] == cudaSuccess) continue;
    w.pieces -= stream.pieces.size();
    stream.pieces.clear();
    stream.finished = stream.queued;
  }
}

/// The streams whose heads may be done, the first to go first. Locked.
std::vector<Stream*> candidates() {
  World& w = world();
  forget_lost();
  if (w.draw(kTurns) == 0) {
    for (auto& [number, stream] : w.streams) stream.rank = w.draw(1u << 30);
  }
  std::vector<Stream*> ready;
  for (auto& [number, stream] : w.streams) {
    if (!stream.pieces.empty() && is_ready(stream.pieces.front())) ready.push_back(&stream);
  }
  std::sort(ready.begin(), ready.end(),
            [](const Stream* a, const Stream* b) { return a->rank > b->rank; });
  return ready;
}

bool carry_out(int device, Attempt& attempt) {
  open_memory(device);
  try {
    return attempt();
  } catch (const std::exception& error) {
    misuse(std::string("a kernel ended with an error: ") + error.what());
  }
}

/// Does one node of a graph that may be done; whether there was one. The lock is open meanwhile.
bool advance(std::unique_lock<std::mutex>& lock, Run& run) {
  World& w = world();
  if (!run.begun) {
    run.begun = true;
    run.left = run.graph->nodes;
    run.done.assign(run.left.size(), false);
    run.undone = run.left.size();
  }
  while (run.done[run.first]) ++run.first;
  std::vector<size_t> ready;
  for (size_t i = run.first; i < std::min(run.first + kWindow, run.left.size()); ++i) {
    const auto is_done = [&](size_t k) { return run.done[k]; };
    const auto& before = run.left[i].before;
    if (!run.done[i] && std::all_of(before.begin(), before.end(), is_done)) ready.push_back(i);
  }
  std::shuffle(ready.begin(), ready.end(), w.random);
  for (const size_t i : ready) {
    Node& node = run.left[i];
    lock.unlock();
    const bool done = carry_out(node.device, node.attempt);
    lock.lock();
    if (!done) continue;
    run.done[i] = true;
    --run.undone;
    return true;
  }
  return false;
}

/// Does what is at the head of the stream, or a part of it; whether it could. The lock is open
/// while work is done.
bool work_on(std::unique_lock<std::mutex>& lock, Stream& stream) {
  World& w = world();
  Piece& piece = stream.pieces.front();
  bool over = true;
  if (piece.run != nullptr) {
    if (piece.run->graph->nodes.size() > 0 && !advance(lock, *piece.run)) return false;
    over = piece.run->undone == 0;
    if (over) ++piece.run->graph->finished;
  } else if (piece.attempt) {
    lock.unlock();
    const bool done = carry_out(stream.device, piece.attempt);
    lock.lock();
    if (!done) return false;
  }
  if (!over) return true;
  if (piece.mark != nullptr) piece.mark->done = true;
  Piece finished = std::move(piece);
  stream.pieces.pop_front();
  ++stream.finished;
  --w.pieces;
  lock.unlock();
  finished = {};  // what it holds may ask the simulator something when it ends
  lock.lock();
  return true;
}

bool is_wanted() {
  World& w = world();
  return w.pieces > 0 && (w.waiting > 0 || w.wanted > 0 || w.pieces > kMostPieces / 2);
}

/// One piece of any stream that may go on; waits a moment where none may.
void do_one(std::unique_lock<std::mutex>& lock) {
  World& w = world();
  w.idle = false;
  bool done = false;
  for (Stream* stream : candidates()) {
    done = work_on(lock, *stream);
    if (done || w.ending) break;
  }
  w.wanted = std::max(w.wanted - 1, 0);
  std::erase_if(w.streams, [](const auto& entry) {
    return entry.second.destroyed && entry.second.pieces.empty();
  });
  w.idle = true;
  w.changed.notify_all();
  if (!done) w.wake.wait_for(lock, 200us);
}

void work() {
  is_worker();
  World& w = world();
  std::unique_lock lock(w.mutex);
  for (;;) {
    if (w.ending) return;
    if (is_wanted()) {
      do_one(lock);
      continue;
    }
    if (w.draw(kClosings) == 0) open_memory(kHost);
    if (w.pieces == 0) {
      w.wake.wait(lock);
      continue;
    }
    const auto patience = std::chrono::milliseconds(1 + w.draw(kLatest));
    if (w.wake.wait_for(lock, patience) == std::cv_status::timeout) {
      w.wanted = static_cast<int>(1 + w.draw(64));
    }
  }
}

/// What a GPU has not done when the program ends, it never does.
void stop() {
  World& w = world();
  std::unique_lock lock(w.mutex);
  w.ending = true;
  w.wake.notify_all();
  w.changed.wait(lock, [&] { return w.idle; });
}

void begin() {
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(work).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::atexit(stop);
}

}  // namespace

World& world() {
  static auto& one = *new World;
  return one;
}

void push(std::unique_lock<std::mutex>& lock, Stream& stream, Piece piece) {
  World& w = world();
  const cudaError_t& lost = w.lost[static_cast<size_t>(stream.device)];
  if (w.pieces >= kMostPieces) {
    wait_until(lock, stream.device, [&] { return w.pieces < kMostPieces; });
  }
  if (lost != cudaSuccess) return;
  if (!w.begun) begin();
  w.begun = true;
  stream.pieces.push_back(std::move(piece));
  ++stream.queued;
  ++w.pieces;
  w.wake.notify_one();
}

cudaError_t wait_until(std::unique_lock<std::mutex>& lock, int device,
                       const std::function<bool()>& reached) {
  World& w = world();
  const cudaError_t& lost = w.lost[static_cast<size_t>(device)];
  ++w.waiting;
  w.wake.notify_one();
  w.changed.wait(lock, [&] { return lost != cudaSuccess || reached(); });
  --w.waiting;
  return state_of(device);
}

void lose(int device, cudaError_t error) {
  World& w = world();
  w.lost[static_cast<size_t>(device)] = error;
  w.changed.notify_all();
}

cudaError_t state_of(int device) {
  const cudaError_t lost = world().lost[static_cast<size_t>(device)];
  return lost == cudaSuccess ? lost : noted(lost);
}

void misuse(const std::string& text) {
  std::fprintf(stderr, "simulated GPU: %s (seed %llu)\n", text.c_str(),
               static_cast<unsigned long long>(settings().seed));
  std::abort();
}

}  // namespace nw::simulated
