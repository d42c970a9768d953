#include "core/dist/gloo_ring.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace nw::dist {
namespace {

constexpr size_t kMostSegmentBytes = size_t{1} << 20;

size_t round_up(size_t number, size_t step) {
  return (number + step - 1) / step * step;
}

}  // namespace

Cut::Cut(const GlooMesh& mesh, size_t all, size_t share_bytes, size_t segments_of_share,
         size_t item)
    : bytes(all),
      share(share_bytes),
      segments(segments_of_share),
      count(segments * static_cast<size_t>(mesh.size())),
      segment(((share + segments - 1) / segments + item - 1) / item * item) {}

size_t Cut::begin(size_t index) const {
  const size_t in_share = std::min(index % segments * segment, share);
  return std::min(index / segments * share + in_share, bytes);
}

size_t Cut::length(size_t index) const {
  const size_t end_of_share = std::min((index / segments + 1) * share, bytes);
  return std::min(begin(index) + segment, end_of_share) - begin(index);
}

size_t Cut::begin_of_share(size_t rank) const {
  return std::min(rank * share, bytes);
}

Cut cut_numbers(const GlooMesh& mesh, size_t bytes, size_t item) {
  const auto size = static_cast<size_t>(mesh.size());
  const size_t most = std::max<size_t>(1, kMostSegmentBytes / item) * item;
  const size_t wanted = std::max((bytes + most - 1) / most, 2 * size);
  const size_t segments = round_up(wanted, size);
  const size_t segment = round_up((bytes + segments - 1) / segments, item);
  return {mesh, bytes, segments / size * segment, segments / size, item};
}

Cut cut_blocks(const GlooMesh& mesh, size_t block) {
  const size_t segments = std::max<size_t>(2, (block + kMostSegmentBytes - 1) / kMostSegmentBytes);
  return {mesh, block * static_cast<size_t>(mesh.size()), block, segments, 1};
}

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

void scatter_ring(GlooMesh& mesh, size_t bytes, size_t count, Combine add,
                  std::span<const void* const> inputs, void* output) {
  const int size = mesh.size();
  std::vector<std::byte> memory[2] = {std::vector<std::byte>(bytes), std::vector<std::byte>(bytes)};
  std::memcpy(memory[0].data(), inputs[static_cast<size_t>(left_of(mesh))], bytes);
  for (int step = 1; step < size; ++step) {
    void* const partial = memory[(step - 1) % 2].data();
    void* const next = memory[step % 2].data();
    const auto mine = static_cast<size_t>((mesh.rank() - 1 - step + 2 * size) % size);
    const uint64_t way = slot(Channel::Data, 0, static_cast<uint32_t>(step));
    const GlooBuffer receive = mesh.buffer(next, bytes);
    const GlooBuffer send = mesh.buffer(partial, bytes);
    receive->recv(left_of(mesh), way);
    send->send(right_of(mesh), way);
    mesh.wait_recv(*receive);
    add(next, next, inputs[mine], count);
    mesh.wait_send(*send);
    mesh.bytes_sent += bytes;
  }
  std::memcpy(output, memory[(size - 1) % 2].data(), bytes);
}

}  // namespace nw::dist
