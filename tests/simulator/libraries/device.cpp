#include "tests/simulator/libraries/device.h"

#include <cstring>

namespace nw::simulated {

Flaw flaw_of(const void* address, size_t bytes, size_t alignment, int device) {
  if (address == nullptr) return Flaw::Null;
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) return Flaw::Misaligned;
  const std::optional<Allocation> found = allocation_of(address);
  const bool reachable = found && (found->device == device || found->device < 0);
  if (!reachable) return Flaw::NotOnDevice;
  const auto skipped = static_cast<size_t>(static_cast<const char*>(address) -
                                           static_cast<const char*>(found->begin));
  return skipped + bytes <= found->bytes ? Flaw::None : Flaw::NotOnDevice;
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  if (a == nullptr || b == nullptr) return false;
  const auto* first = static_cast<const char*>(a);
  const auto* second = static_cast<const char*>(b);
  return first < second + b_bytes && second < first + a_bytes;
}

void scribble(void* workspace, size_t bytes) {
  if (workspace != nullptr) std::memset(workspace, 0xff, bytes);
}

uint64_t mixed(std::span<const int64_t> values) {
  uint64_t hash = 0x9e3779b97f4a7c15u;
  for (const int64_t value : values) {
    hash ^= static_cast<uint64_t>(value) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash ^= hash >> 31;
    hash *= 0xbf58476d1ce4e5b9u;
  }
  return hash ^ (hash >> 29);
}

}  // namespace nw::simulated
