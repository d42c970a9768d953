#include "core/dist/gloo_calls.h"

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/base/error.h"
#include "core/dist/reduce_numbers.h"

namespace nw::dist {
namespace {

static_assert(std::has_unique_object_representations_v<GlooCall>);

std::string_view name(Reduction reduction) {
  switch (reduction) {
    case Reduction::Sum:
      return "sum";
    case Reduction::Average:
      return "average";
    case Reduction::Product:
      return "product";
    case Reduction::Min:
      return "minimum";
    case Reduction::Max:
      return "maximum";
  }
  return "unknown";
}

bool reduces(CallKind kind) {
  return kind == CallKind::AllReduce || kind == CallKind::ReduceScatter;
}

int right_of(const GlooMesh& mesh) {
  return (mesh.rank() + 1) % mesh.size();
}

int left_of(const GlooMesh& mesh) {
  return (mesh.rank() + mesh.size() - 1) % mesh.size();
}

/// Tells `to` what this rank calls, and compares with what `from` calls.
void compare_calls(GlooMesh& mesh, const GlooCall& call, std::span<const int> to,
                   std::span<const int> from) {
  GlooCall own = call;
  std::vector<GlooCall> theirs(from.size());
  std::vector<GlooBuffer> sends, receives;
  for (size_t i = 0; i < from.size(); ++i) {
    receives.push_back(mesh.buffer(&theirs[i], sizeof(GlooCall)));
    receives.back()->recv(from[i], slot(Channel::Header));
  }
  for (const int peer : to) {
    sends.push_back(mesh.buffer(&own, sizeof(own)));
    sends.back()->send(peer, slot(Channel::Header));
    mesh.bytes_sent += sizeof(own);
  }
  for (size_t i = 0; i < from.size(); ++i) {
    mesh.awaited = from[i];
    receives[i]->waitRecv(kNoLimit);
    mesh.awaited = -1;
    check_same(call, mesh.rank(), theirs[i], from[i]);
  }
  for (const GlooBuffer& send : sends) send->waitSend(kNoLimit);
}

/// For rings, whichever way round they go.
void compare_with_neighbours(GlooMesh& mesh, const GlooCall& call) {
  std::vector<int> peers{left_of(mesh)};
  if (mesh.size() > 2) peers.push_back(right_of(mesh));
  compare_calls(mesh, call, peers, peers);
}

/// Gloo cuts the numbers into segments, as many for each rank. A rank sends all but its own share
/// in the first half of the ring, all but its left neighbour's in the second.
uint64_t ring_bytes(const GlooMesh& mesh, size_t bytes, size_t item) {
  const auto size = static_cast<size_t>(mesh.size());
  const size_t most = std::max<size_t>(1, (size_t{1} << 20) / item) * item;
  const size_t wanted = std::max((bytes + most - 1) / most, 2 * size);
  const size_t segments = (wanted + size - 1) / size * size;
  const size_t segment = ((bytes + segments - 1) / segments + item - 1) / item * item;
  const size_t share = segments / size * segment;
  const auto share_of = [&](int rank) {
    const size_t begin = std::min(bytes, static_cast<size_t>(rank) * share);
    return std::min(bytes - begin, share);
  };
  return 2 * bytes - share_of(mesh.rank()) - share_of(left_of(mesh));
}

/// Gloo's type of an element counts only by its size.
struct Pair {
  double parts[2];
};

template <typename Use>
void with_size_of(DType dtype, void* numbers, const Use& use) {
  switch (item_bytes(dtype)) {
    case 1:
      return use(static_cast<uint8_t*>(numbers));
    case 2:
      return use(static_cast<uint16_t*>(numbers));
    case 4:
      return use(static_cast<uint32_t*>(numbers));
    case 8:
      return use(static_cast<uint64_t*>(numbers));
    default:
      NW_ASSERT(item_bytes(dtype) == sizeof(Pair));
      return use(static_cast<Pair*>(numbers));
  }
}

}  // namespace

std::string_view name(CallKind kind) {
  switch (kind) {
    case CallKind::AllReduce:
      return "all_reduce";
    case CallKind::Broadcast:
      return "broadcast";
    case CallKind::AllGather:
      return "all_gather";
    case CallKind::ReduceScatter:
      return "reduce_scatter";
    case CallKind::Barrier:
      return "barrier";
    case CallKind::Send:
      return "send and recv";
  }
  return "unknown call";
}

std::string describe(const GlooCall& call) {
  std::string out(name(call.kind));
  if (call.kind == CallKind::Barrier) return out;
  if (reduces(call.kind)) out += concat(" (", name(call.reduction), ")");
  if (call.kind == CallKind::Broadcast) out += concat(" from rank ", call.root);
  return out + concat(" of ", call.numel, " ", nw::name(call.dtype), " elements");
}

void check_same(const GlooCall& ours, int rank, const GlooCall& theirs, int their_rank) {
  NW_CHECK(ours == theirs, "the ranks disagree: rank ", rank, " is at ", describe(ours),
           " (operation ", ours.count, "), rank ", their_rank, " at ", describe(theirs),
           " (operation ", theirs.count, ")");
}

void all_reduce(GlooMesh& mesh, const GlooCall& call, void* numbers) {
  compare_with_neighbours(mesh, call);
  if (call.numel == 0) return;
  const Combine combine = combine_of(call.dtype, call.reduction);
  gloo::AllreduceOptions options(mesh.context());
  options.setAlgorithm(gloo::AllreduceOptions::Algorithm::RING);
  options.setTag(static_cast<uint32_t>(call.count));
  options.setTimeout(kNoLimit);
  options.setReduceFunction(combine);
  with_size_of(call.dtype, numbers,
               [&](auto* items) { options.setOutput(items, static_cast<size_t>(call.numel)); });
  gloo::allreduce(options);
  mesh.bytes_sent += ring_bytes(mesh, call.bytes(), item_bytes(call.dtype));
  if (call.reduction == Reduction::Average) {
    divide(call.dtype, numbers, static_cast<size_t>(call.numel), mesh.size());
  }
}

void broadcast(GlooMesh& mesh, const GlooCall& call, void* numbers) {
  const int root = call.root;
  std::vector<int> to;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    if (mesh.rank() == root && rank != root) to.push_back(rank);
  }
  const std::vector<int> from(mesh.rank() == root ? 0 : 1, root);
  compare_calls(mesh, call, to, from);
  if (call.numel == 0) return;
  gloo::BroadcastOptions options(mesh.context());
  options.setRoot(root);
  options.setTag(static_cast<uint32_t>(call.count));
  options.setTimeout(kNoLimit);
  options.setOutput(static_cast<uint8_t*>(numbers), call.bytes());
  gloo::broadcast(options);
  // In the tree, rank k from the root sends to k + 1, k + 2, k + 4, … where k is below the step.
  const int place = (mesh.rank() - root + mesh.size()) % mesh.size();
  for (int step = 1; step < mesh.size(); step *= 2) {
    if (place < step && place + step < mesh.size()) mesh.bytes_sent += call.bytes();
  }
}

void all_gather(GlooMesh& mesh, const GlooCall& call, void* numbers, void* all) {
  compare_with_neighbours(mesh, call);
  if (call.numel == 0) return;
  const auto size = static_cast<size_t>(mesh.size());
  gloo::AllgatherOptions options(mesh.context());
  options.setTag(static_cast<uint32_t>(call.count));
  options.setTimeout(kNoLimit);
  options.setInput(static_cast<uint8_t*>(numbers), call.bytes());
  options.setOutput(static_cast<uint8_t*>(all), call.bytes() * size);
  gloo::allgather(options);
  mesh.bytes_sent += call.bytes() * (size - 1);
}

/// The sum of inputs[k] goes round the ring from rank k + 1 to rank k; each rank adds its own.
void reduce_scatter(GlooMesh& mesh, const GlooCall& call, std::span<void* const> inputs,
                    void* output) {
  compare_with_neighbours(mesh, call);
  if (call.numel == 0) return;
  const Combine combine = combine_of(call.dtype, call.reduction);
  const int size = mesh.size();
  const auto count = static_cast<size_t>(call.numel);
  std::vector<std::byte> memory[2] = {std::vector<std::byte>(call.bytes()),
                                      std::vector<std::byte>(call.bytes())};
  void* partial = inputs[static_cast<size_t>(left_of(mesh))];
  for (int step = 1; step < size; ++step) {
    void* next = memory[step % 2].data();
    const auto mine = static_cast<size_t>((mesh.rank() - 1 - step + 2 * size) % size);
    const uint64_t way = slot(Channel::Data, 0, static_cast<uint32_t>(step));
    const GlooBuffer receive = mesh.buffer(next, call.bytes());
    const GlooBuffer send = mesh.buffer(partial, call.bytes());
    receive->recv(left_of(mesh), way);
    send->send(right_of(mesh), way);
    receive->waitRecv(kNoLimit);
    combine(next, next, inputs[mine], count);
    send->waitSend(kNoLimit);
    mesh.bytes_sent += call.bytes();
    partial = next;
  }
  std::memcpy(output, partial, call.bytes());
  if (call.reduction == Reduction::Average) divide(call.dtype, output, count, size);
}

void barrier(GlooMesh& mesh, const GlooCall& call) {
  compare_with_neighbours(mesh, call);
  gloo::BarrierOptions options(mesh.context());
  options.setTag(static_cast<uint32_t>(call.count));
  options.setTimeout(kNoLimit);
  gloo::barrier(options);
}

}  // namespace nw::dist
