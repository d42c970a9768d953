#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dist/gloo_mesh.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor.h"

namespace nw::dist {

enum class CallKind : uint8_t { AllReduce, Broadcast, AllGather, ReduceScatter, Barrier, Send };

/// One operation as the ranks must agree on it; sent between them as it lies in memory.
struct GlooCall {
  static constexpr size_t kSizes = 8;

  CallKind kind = CallKind::Barrier;
  DType dtype = DType::Float32;
  Reduction reduction = Reduction::Sum;
  int8_t dims = 0;
  int32_t root = 0;
  int64_t numel = 0;                    // of each tensor
  uint64_t count = 0;                   // of the operations that the group has begun
  std::array<int64_t, kSizes> sizes{};  // of a tensor of more dimensions, the last is of the rest

  friend bool operator==(const GlooCall&, const GlooCall&) = default;
  size_t bytes() const { return static_cast<size_t>(numel) * item_bytes(dtype); }
};

/// A call with tensors like this one.
GlooCall call_of(CallKind kind, const Tensor& tensor);
/// "all_reduce".
std::string_view name(CallKind kind);
/// "all_reduce (sum) of 12 float32 elements (3, 4)".
std::string describe(const GlooCall& call);
/// Throws Error that shows both, unless `theirs` is `ours`.
void check_same(const GlooCall& ours, int rank, const GlooCall& theirs, int their_rank);

/// What a rank tells others at the beginning of an operation: which one it is at, and a few numbers
/// when they are all that there is to send.
struct GlooFrame {
  static constexpr size_t kNumbers = 512 - sizeof(GlooCall);

  GlooCall call;
  std::array<std::byte, kNumbers> numbers{};
};

/// Exchanges frames. Room for those of each peer is always ready, so that sending one waits for
/// nothing and takes one message. Every operation sends a frame to some ranks and receives one from
/// the same ranks, which are the same for all ranks that agree. Not thread-safe.
class GlooFrames {
 public:
  explicit GlooFrames(GlooMesh& mesh);
  GlooFrames(const GlooFrames&) = delete;
  GlooFrames& operator=(const GlooFrames&) = delete;

  void send(const GlooCall& call, std::span<const std::byte> numbers, std::span<const int> to);
  /// At the end of an operation: this process may end before the others look at its frame.
  void finish_sending();
  /// Waits for the frame of the same operation; its numbers are good until the next one of that
  /// rank. Throws Error when that rank is at another operation, Gloo's exceptions when the
  /// connection breaks.
  const GlooFrame& receive(const GlooCall& ours, int from);

 private:
  // Two are ready while one is read.
  static constexpr size_t kReady = 3;
  struct Peer {
    std::array<GlooFrame, kReady> frames;
    std::array<GlooBuffer, kReady> buffers;
    std::array<std::exception_ptr, kReady> problems;  // why there is no room
    size_t received = 0;
  };
  void make_ready(int rank, size_t place);

  GlooMesh& mesh_;
  GlooFrame own_;
  GlooBuffer own_buffer_;
  size_t under_way_ = 0;     // sends of own_
  std::vector<Peer> peers_;  // one a rank, which may write there
};

}  // namespace nw::dist
