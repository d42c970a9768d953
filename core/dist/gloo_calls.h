#pragma once

#include <span>
#include <string>

#include "core/dist/gloo_mesh.h"
#include "core/tensor/dtype.h"

namespace nw::dist {

enum class CallKind : uint8_t { AllReduce, Broadcast, AllGather, ReduceScatter, Barrier, Send };

/// One operation as the ranks must agree on it; sent between them as it lies in memory.
struct GlooCall {
  CallKind kind = CallKind::Barrier;
  DType dtype = DType::Float32;
  Reduction reduction = Reduction::Sum;
  uint8_t unused = 0;  // every byte has its value
  int32_t root = 0;
  int64_t numel = 0;   // of each tensor
  uint64_t count = 0;  // of the operations that the group has begun

  friend bool operator==(const GlooCall&, const GlooCall&) = default;
  size_t bytes() const { return static_cast<size_t>(numel) * item_bytes(dtype); }
};

/// "all_reduce".
std::string_view name(CallKind kind);
/// "all_reduce (sum) of 12 float32 elements".
std::string describe(const GlooCall& call);
/// Throws Error that shows both, unless `theirs` is `ours`.
void check_same(const GlooCall& ours, int rank, const GlooCall& theirs, int their_rank);

// The collectives over Gloo's connections, on row-major numbers of call.numel elements; each
// returns when it is done on this rank. They are not Gloo's own, whose waits can miss that a
// connection broke. First the ranks that exchange numbers compare their calls, because Gloo ends
// the program where the sizes differ. Throws Error when the calls differ, and Gloo's exceptions
// when a connection breaks.

/// A ring; each rank sends 2 (size − 1) / size of the bytes. Adds in the order of Gloo's own ring,
/// so that the sums have PyTorch's bits.
void all_reduce(GlooMesh& mesh, const GlooCall& call, void* numbers);
/// A binomial tree.
void broadcast(GlooMesh& mesh, const GlooCall& call, void* numbers);
/// A ring; `all` holds size × numel elements.
void all_gather(GlooMesh& mesh, const GlooCall& call, void* numbers, void* all);
/// A ring; `inputs` are size pointers to numel elements.
void reduce_scatter(GlooMesh& mesh, const GlooCall& call, std::span<void* const> inputs,
                    void* output);
void barrier(GlooMesh& mesh, const GlooCall& call);

}  // namespace nw::dist
