#include "core/dist/gloo_calls.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/dist/gloo_ring.h"
#include "core/dist/reduce_numbers.h"

namespace nw::dist {
namespace {

// Up to so many ranks a frame to each of the others is quicker than a ring or a tree.
constexpr int kMostDirect = 8;

/// What a frame has room for.
struct alignas(16) Numbers : std::array<std::byte, GlooFrame::kNumbers> {};

int place_of(const GlooMesh& mesh, const GlooCall& call) {
  return (mesh.rank() - call.root + mesh.size()) % mesh.size();
}

/// With whom this rank exchanges broadcast's numbers: the one that it has them from, if any, before
/// those that it sends them to. Rank k from the root sends to k + 1, k + 2, k + 4, …, those that
/// are beyond its own distance.
struct TreePlace {
  TreePlace(const GlooMesh& mesh, const GlooCall& call) {
    const int size = mesh.size(), place = place_of(mesh, call);
    for (int step = 1; step < size; step *= 2) {
      if (place >= step && place < 2 * step) from = (place - step + call.root) % size;
      if (place < step && place + step < size) to.push_back((place + step + call.root) % size);
    }
  }
  int from = -1;
  std::vector<int> to;
};

/// The ranks with whom frames are exchanged. Always those beside this one in the ring, and first:
/// so ranks that disagree find out wherever they are.
std::vector<int> peers_of(const GlooMesh& mesh, const GlooCall& call) {
  std::vector<int> out;
  const auto add = [&](int rank) {
    const bool known = rank == mesh.rank() || std::find(out.begin(), out.end(), rank) != out.end();
    if (!known) out.push_back(rank);
  };
  add(left_of(mesh));
  add(right_of(mesh));
  if (fits_in_frames(mesh, call)) {
    for (int rank = 0; rank < mesh.size(); ++rank) add(rank);
  } else if (call.kind == CallKind::Broadcast) {
    const TreePlace tree(mesh, call);
    if (tree.from >= 0) add(tree.from);
    for (const int rank : tree.to) add(rank);
  }
  return out;
}

/// What the frames of all ranks hold; of this rank, `own`.
std::vector<const std::byte*> receive_all(const GlooLinks& links, const GlooCall& call,
                                          const void* own) {
  std::vector<const std::byte*> out(static_cast<size_t>(links.mesh.size()));
  out[static_cast<size_t>(links.mesh.rank())] = static_cast<const std::byte*>(own);
  for (const int peer : peers_of(links.mesh, call)) {
    out[static_cast<size_t>(peer)] = links.frames.receive(call, peer).numbers.data();
  }
  return out;
}

void compare(const GlooLinks& links, const GlooCall& call) {
  for (const int peer : peers_of(links.mesh, call)) links.frames.receive(call, peer);
}

/// As the ring adds them: each share in an order of its own.
void reduce_frames(const GlooLinks& links, const GlooCall& call, std::byte* numbers) {
  const auto all = receive_all(links, call, numbers);
  const size_t item = item_bytes(call.dtype), size = all.size();
  const Cut cut = cut_numbers(links.mesh, call.bytes(), item);
  const Combine combine = combine_of(call.dtype, call.reduction);
  Numbers sums;
  for (size_t share = 0; share < size; ++share) {
    const size_t begin = cut.begin_of_share(share);
    const size_t bytes = cut.begin_of_share(share + 1) - begin;
    std::byte* const sum = sums.data() + begin;
    std::memcpy(sum, all[(share + size - 1) % size] + begin, bytes);
    for (size_t step = 2; step <= size; ++step) {
      combine(sum, all[(share + size - step) % size] + begin, sum, bytes / item);
    }
  }
  if (call.reduction == Reduction::Average) {
    divide(call.dtype, sums.data(), call.bytes() / item, links.mesh.size());
  }
  std::memcpy(numbers, sums.data(), call.bytes());
}

}  // namespace

bool fits_in_frames(const GlooMesh& mesh, const GlooCall& call) {
  const bool several = call.kind == CallKind::ReduceScatter;
  return mesh.size() <= kMostDirect &&
         call.bytes() * (several ? static_cast<size_t>(mesh.size()) : 1) <= GlooFrame::kNumbers;
}

void begin(const GlooLinks& links, const GlooCall& call, std::span<const void* const> own) {
  Numbers numbers;
  size_t count = 0;
  if (fits_in_frames(links.mesh, call)) {
    for (const void* part : own) {
      std::memcpy(numbers.data() + count, part, call.bytes());
      count += call.bytes();
    }
  }
  links.frames.send(call, {numbers.data(), count}, peers_of(links.mesh, call));
}

void all_reduce(const GlooLinks& links, const GlooCall& call, void* numbers) {
  auto* bytes = static_cast<std::byte*>(numbers);
  if (fits_in_frames(links.mesh, call)) return reduce_frames(links, call, bytes);
  compare(links, call);
  if (call.numel == 0) return;
  GlooMesh& mesh = links.mesh;
  const size_t item = item_bytes(call.dtype);
  const Cut cut = cut_numbers(mesh, call.bytes(), item);
  const Combine combine = combine_of(call.dtype, call.reduction);
  turn_ring(mesh, cut, right_of(mesh), slot(Channel::Data, 1), bytes, combine, item);
  if (call.reduction == Reduction::Average) {
    // This rank's share is whole; each is divided once, before it goes to the others.
    const auto own = static_cast<size_t>(mesh.rank());
    const size_t begin = cut.begin_of_share(own), end = cut.begin_of_share(own + 1);
    divide(call.dtype, bytes + begin, (end - begin) / item, mesh.size());
  }
  turn_ring(mesh, cut, mesh.rank(), slot(Channel::Data, 2), bytes, nullptr, item);
}

void broadcast(const GlooLinks& links, const GlooCall& call, void* numbers) {
  GlooMesh& mesh = links.mesh;
  if (fits_in_frames(mesh, call)) {
    const auto all = receive_all(links, call, numbers);
    if (mesh.rank() == call.root) return;
    std::memcpy(numbers, all[static_cast<size_t>(call.root)], call.bytes());
    return;
  }
  compare(links, call);
  if (call.numel == 0) return;
  const TreePlace tree(mesh, call);
  const GlooBuffer all = mesh.buffer(numbers, call.bytes());
  if (tree.from >= 0) {
    all->recv(tree.from, slot(Channel::Data));
    mesh.wait_recv(*all);
  }
  for (const int rank : tree.to) {
    all->send(rank, slot(Channel::Data));
    mesh.bytes_sent += call.bytes();
  }
  for (size_t i = 0; i < tree.to.size(); ++i) mesh.wait_send(*all);
}

void all_gather(const GlooLinks& links, const GlooCall& call, const void* numbers, void* all) {
  GlooMesh& mesh = links.mesh;
  auto* bytes = static_cast<std::byte*>(all);
  if (fits_in_frames(mesh, call)) {
    for (const std::byte* part : receive_all(links, call, numbers)) {
      std::memcpy(bytes, part, call.bytes());
      bytes += call.bytes();
    }
    return;
  }
  compare(links, call);
  if (call.numel == 0) return;
  std::memcpy(bytes + static_cast<size_t>(mesh.rank()) * call.bytes(), numbers, call.bytes());
  turn_ring(mesh, cut_blocks(mesh, call.bytes()), mesh.rank(), slot(Channel::Data), bytes, nullptr,
            1);
}

/// The sum of inputs[k] goes round the ring from rank k + 1 to rank k; each rank adds its own.
void reduce_scatter(const GlooLinks& links, const GlooCall& call,
                    std::span<const void* const> inputs, void* output) {
  GlooMesh& mesh = links.mesh;
  const Combine combine = combine_of(call.dtype, call.reduction);
  const auto count = static_cast<size_t>(call.numel);
  if (fits_in_frames(mesh, call)) {
    const auto all = receive_all(links, call, nullptr);
    const auto own = static_cast<size_t>(mesh.rank());
    Numbers sum;
    std::memcpy(sum.data(), all[(own + 1) % all.size()] + own * call.bytes(), call.bytes());
    for (size_t step = 2; step < all.size(); ++step) {
      combine(sum.data(), sum.data(), all[(own + step) % all.size()] + own * call.bytes(), count);
    }
    combine(sum.data(), sum.data(), inputs[own], count);
    std::memcpy(output, sum.data(), call.bytes());
  } else {
    compare(links, call);
    if (call.numel == 0) return;
    scatter_ring(mesh, call.bytes(), count, combine, inputs, output);
  }
  if (call.reduction == Reduction::Average) divide(call.dtype, output, count, mesh.size());
}

/// After the step of 2^k ranks, each knows that the 2^(k + 1) − 1 before it have come.
void barrier(const GlooLinks& links, const GlooCall& call) {
  compare(links, call);
  GlooMesh& mesh = links.mesh;
  if (fits_in_frames(mesh, call)) return;
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
