#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/dist/process_group.h"
#include "core/dist/sockets.h"

// Files that start with gloo_ may include Gloo's headers; no other file sees them.
#include <gloo/rendezvous/context.h>
#include <gloo/transport/unbound_buffer.h>

namespace nw::dist {

using GlooBuffer = std::unique_ptr<gloo::transport::UnboundBuffer>;

/// Gloo waits this long for each step, which is for ever: GlooQueue watches the time.
inline constexpr std::chrono::milliseconds kNoLimit = std::chrono::hours(24 * 365);

/// What a message between two ranks is for: the highest bits of Gloo's slot, which Gloo's own
/// algorithms leave 0.
enum class Channel : uint8_t { Note = 1, Probe, Frame, Data, SendHeader, SendData };
inline uint64_t slot(Channel channel, uint32_t tag = 0, uint32_t count = 0) {
  return uint64_t{static_cast<uint8_t>(channel)} << 60 | uint64_t{count & 0xfffffff} << 32 | tag;
}

/// Connections of every rank to every other, which break all together. Before a rank breaks its
/// connections it leaves a note with the cause on each. A rank that finds a connection broken looks
/// for the note: where there is none, that rank was lost. A thread for each peer waits for its
/// note.
class GlooMesh {
 public:
  /// Waits for all ranks. Throws Error naming those that did not come.
  explicit GlooMesh(const GroupOptions& options);
  ~GlooMesh();
  GlooMesh(const GlooMesh&) = delete;
  GlooMesh& operator=(const GlooMesh&) = delete;

  const std::shared_ptr<gloo::rendezvous::Context>& context() const { return context_; }
  int rank() const { return context_->rank; }
  int size() const { return context_->size; }
  GlooBuffer buffer(void* bytes, size_t count) const;
  /// What was sent from, or received into, the buffer is over. All waits must be here: when a
  /// connection breaks, Gloo forgets those whose bytes were on their way. Throws Error, or Gloo's
  /// exceptions, when the connections break.
  void wait_send(gloo::transport::UnboundBuffer& buffer) { wait(buffer, Direction::Send); }
  void wait_recv(gloo::transport::UnboundBuffer& buffer) { wait(buffer, Direction::Receive); }

  /// Breaks all connections with this cause, unless they are broken already; the first cause.
  std::string break_all(const std::string& cause);
  /// The same after an operation failed with `problem`, whose cause is to be found.
  std::string break_after(const std::exception& problem);
  /// The same because this rank leaves the group in order.
  std::string leave();

  /// Ranks that went away without a note, and since when.
  struct Loss {
    std::string cause;
    Clock::time_point time;
  };
  std::optional<Loss> loss() const;

  std::atomic<uint64_t> bytes_sent{0};
  /// The rank that has not come to the operation under way, as far as this one knows; or -1.
  std::atomic<int> awaited{-1};

 private:
  enum class Direction : uint8_t { Send, Receive };
  // What a note begins with.
  static constexpr char kFailed = 'F', kLeft = 'L';
  struct Note {
    std::array<char, 512> text{};
    GlooBuffer buffer;
    std::thread reader;
    std::optional<std::string> read;  // empty: the connection broke without one
  };

  void connect(const GroupOptions& options);
  void expect_notes();
  void read_note(int peer);
  void wait(gloo::transport::UnboundBuffer& buffer, Direction direction);
  void end_waits();
  bool is_open(int peer) const;
  std::string find_cause(const std::exception& problem, std::unique_lock<std::mutex>& lock);
  void leave_notes(char kind, const std::string& cause);
  std::string break_locked(char kind, const std::string& cause);

  std::shared_ptr<gloo::rendezvous::Context> context_;
  mutable std::mutex mutex_;  // of the notes that were read, and of the break
  std::condition_variable note_read_;
  std::vector<Note> notes_;  // one a peer, which may write there
  std::optional<Loss> loss_;
  bool broken_ = false;
  std::string cause_;

  std::mutex waits_mutex_;
  std::set<gloo::transport::UnboundBuffer*> waits_;
  bool waits_ended_ = false;
};

}  // namespace nw::dist
