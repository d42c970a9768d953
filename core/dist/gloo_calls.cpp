#include "core/dist/gloo_calls.h"

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
    mesh.wait_recv(*receives[i]);
    mesh.awaited = -1;
    check_same(call, mesh.rank(), theirs[i], from[i]);
  }
  for (const GlooBuffer& send : sends) mesh.wait_send(*send);
}

/// For rings, whichever way round they go.
void compare_with_neighbours(GlooMesh& mesh, const GlooCall& call) {
  std::vector<int> peers{left_of(mesh)};
  if (mesh.size() > 2) peers.push_back(right_of(mesh));
  compare_calls(mesh, call, peers, peers);
}

/// How a row of bytes is cut for a ring: a share for each rank, each of as many segments, which are
/// sent while others are added. The last ones may be short or empty.
struct Cut {
  Cut(const GlooMesh& mesh, size_t all, size_t share_bytes, size_t segments_of_share, size_t item)
      : bytes(all),
        share(share_bytes),
        segments(segments_of_share),
        count(segments * static_cast<size_t>(mesh.size())),
        segment(((share + segments - 1) / segments + item - 1) / item * item) {}

  size_t begin(size_t index) const {
    const size_t in_share = std::min(index % segments * segment, share);
    return std::min(index / segments * share + in_share, bytes);
  }
  size_t length(size_t index) const {
    const size_t end_of_share = std::min((index / segments + 1) * share, bytes);
    return std::min(begin(index) + segment, end_of_share) - begin(index);
  }

  size_t bytes, share, segments, count, segment;
};

constexpr size_t kMostSegmentBytes = size_t{1} << 20;

size_t round_up(size_t number, size_t step) {
  return (number + step - 1) / step * step;
}

/// Where Gloo cuts for an all-reduce: the order in which a number's parts are added depends on it.
Cut cut_numbers(const GlooMesh& mesh, size_t bytes, size_t item) {
  const auto size = static_cast<size_t>(mesh.size());
  const size_t most = std::max<size_t>(1, kMostSegmentBytes / item) * item;
  const size_t wanted = std::max((bytes + most - 1) / most, 2 * size);
  const size_t segments = round_up(wanted, size);
  const size_t segment = round_up((bytes + segments - 1) / segments, item);
  return {mesh, bytes, segments / size * segment, segments / size, item};
}

/// One whole block a rank.
Cut cut_blocks(const GlooMesh& mesh, size_t block) {
  const size_t segments = std::max<size_t>(2, (block + kMostSegmentBytes - 1) / kMostSegmentBytes);
  return {mesh, block * static_cast<size_t>(mesh.size()), block, segments, 1};
}

/// Sends size − 1 shares to the left, from that of rank `first` on, while those from the next one
/// on come from the right. With `add`, what comes is combined with the numbers and not put over
/// them.
void turn_ring(GlooMesh& mesh, const Cut& cut, int first, uint64_t way, std::byte* numbers,
               Combine add, size_t item) {
  const size_t steps = cut.count - cut.segments;
  const size_t from = static_cast<size_t>(first) * cut.segments;
  std::vector<std::byte> scratch(add != nullptr ? 2 * cut.segment : 0);
  const GlooBuffer own = mesh.buffer(numbers, cut.bytes);
  const GlooBuffer came = mesh.buffer(scratch.data(), scratch.size());
  gloo::transport::UnboundBuffer& target = add != nullptr ? *came : *own;
  // A segment is begun while the one before is under way; what it sends came two or more before.
  for (size_t i = 0; i <= steps; ++i) {
    if (i < steps) {
      const size_t out = (from + i) % cut.count, in = (from + cut.segments + i) % cut.count;
      const size_t place = add != nullptr ? i % 2 * cut.segment : cut.begin(in);
      if (cut.length(in) > 0) target.recv(right_of(mesh), way, place, cut.length(in));
      if (cut.length(out) > 0) own->send(left_of(mesh), way, cut.begin(out), cut.length(out));
      mesh.bytes_sent += cut.length(out);
    }
    if (i == 0) continue;
    const size_t out = (from + i - 1) % cut.count, in = (from + cut.segments + i - 1) % cut.count;
    if (cut.length(in) > 0) mesh.wait_recv(target);
    if (cut.length(in) > 0 && add != nullptr) {
      std::byte* sum = numbers + cut.begin(in);
      add(sum, sum, scratch.data() + (i - 1) % 2 * cut.segment, cut.length(in) / item);
    }
    if (cut.length(out) > 0) mesh.wait_send(*own);
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
  auto* bytes = static_cast<std::byte*>(numbers);
  const size_t item = item_bytes(call.dtype);
  const Cut cut = cut_numbers(mesh, call.bytes(), item);
  const Combine combine = combine_of(call.dtype, call.reduction);
  turn_ring(mesh, cut, right_of(mesh), slot(Channel::Data, 1), bytes, combine, item);
  if (call.reduction == Reduction::Average) {
    // This rank's share is whole; each is divided once, before it goes to the others.
    const size_t own = static_cast<size_t>(mesh.rank()) * cut.segments;
    const size_t begin = cut.begin(own), end = std::min(begin + cut.share, cut.bytes);
    divide(call.dtype, bytes + begin, (end - begin) / item, mesh.size());
  }
  turn_ring(mesh, cut, mesh.rank(), slot(Channel::Data, 2), bytes, nullptr, item);
}

void broadcast(GlooMesh& mesh, const GlooCall& call, void* numbers) {
  const int root = call.root, size = mesh.size();
  std::vector<int> to;
  for (int rank = 0; rank < size; ++rank) {
    if (mesh.rank() == root && rank != root) to.push_back(rank);
  }
  const std::vector<int> from(mesh.rank() == root ? 0 : 1, root);
  compare_calls(mesh, call, to, from);
  if (call.numel == 0) return;

  // Rank k from the root sends to k + 1, k + 2, k + 4, … as soon as the numbers are there.
  const GlooBuffer all = mesh.buffer(numbers, call.bytes());
  const int place = (mesh.rank() - root + size) % size;
  int sends = 0;
  for (int step = 1; step < size; step *= 2) {
    if (place >= step && place < 2 * step) {
      all->recv((place - step + root) % size, slot(Channel::Data));
      mesh.wait_recv(*all);
    } else if (place < step && place + step < size) {
      all->send((place + step + root) % size, slot(Channel::Data));
      mesh.bytes_sent += call.bytes();
      ++sends;
    }
  }
  for (; sends > 0; --sends) mesh.wait_send(*all);
}

void all_gather(GlooMesh& mesh, const GlooCall& call, void* numbers, void* all) {
  compare_with_neighbours(mesh, call);
  if (call.numel == 0) return;
  auto* bytes = static_cast<std::byte*>(all);
  std::memcpy(bytes + static_cast<size_t>(mesh.rank()) * call.bytes(), numbers, call.bytes());
  turn_ring(mesh, cut_blocks(mesh, call.bytes()), mesh.rank(), slot(Channel::Data), bytes, nullptr,
            1);
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
    mesh.wait_recv(*receive);
    combine(next, next, inputs[mine], count);
    mesh.wait_send(*send);
    mesh.bytes_sent += call.bytes();
    partial = next;
  }
  std::memcpy(output, partial, call.bytes());
  if (call.reduction == Reduction::Average) divide(call.dtype, output, count, size);
}

/// After the step of 2^k ranks, each knows that the 2^(k + 1) − 1 before it have come.
void barrier(GlooMesh& mesh, const GlooCall& call) {
  compare_with_neighbours(mesh, call);
  const int size = mesh.size();
  char sent = 0, came = 0;
  const GlooBuffer send = mesh.buffer(&sent, 1), receive = mesh.buffer(&came, 1);
  for (int step = 1; step < size; step *= 2) {
    const uint64_t way = slot(Channel::Data, 0, static_cast<uint32_t>(step));
    receive->recv((mesh.rank() - step + size) % size, way);
    send->send((mesh.rank() + step) % size, way);
    mesh.bytes_sent += 1;
    mesh.wait_recv(*receive);
    mesh.wait_send(*send);
  }
}

}  // namespace nw::dist
