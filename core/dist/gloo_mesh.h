#pragma once

#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/dist/process_group.h"

// Files that start with gloo_ may include Gloo's headers; no other file sees them.
#include <gloo/rendezvous/context.h>
#include <gloo/transport/unbound_buffer.h>

namespace nw::dist {

using GlooBuffer = std::unique_ptr<gloo::transport::UnboundBuffer>;

/// Gloo waits this long for each step, which is for ever: GlooQueue watches the time.
inline constexpr std::chrono::milliseconds kNoLimit = std::chrono::hours(24 * 365);

/// What a message between two ranks is for: the highest bits of Gloo's slot, which Gloo's own
/// algorithms leave 0.
enum class Channel : uint8_t { Note = 1, Probe, Header, Data, SendHeader, SendData };
inline uint64_t slot(Channel channel, uint32_t tag = 0, uint32_t count = 0) {
  return uint64_t{static_cast<uint8_t>(channel)} << 60 | uint64_t{count & 0xfffffff} << 32 | tag;
}

/// Connections of every rank to every other, which break all together. Before a rank breaks its
/// connections it leaves a note with the cause on each. A rank that finds a connection broken looks
/// for the note: where there is none, that rank was lost.
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

  /// Breaks all connections with this cause, unless they are broken already; the first cause.
  std::string break_all(const std::string& cause);
  /// The same after an operation failed with `problem`, whose cause is to be found.
  std::string break_after(const std::exception& problem);

  std::atomic<uint64_t> bytes_sent{0};
  /// The rank that has not come to the operation under way, as far as this one knows; or -1.
  std::atomic<int> awaited{-1};

 private:
  struct Note {
    std::array<char, 512> text{};
    GlooBuffer buffer;
  };

  void connect(const GroupOptions& options);
  void expect_notes();
  bool is_open(int peer) const;
  std::string note_of(int peer);
  std::string find_cause(const std::exception& problem);
  void leave_notes(const std::string& cause);
  std::string break_locked(const std::string& cause);

  std::shared_ptr<gloo::rendezvous::Context> context_;
  std::vector<Note> notes_;  // one a peer, which may write there
  std::mutex mutex_;         // of the break
  bool broken_ = false;
  std::string cause_;
};

}  // namespace nw::dist
