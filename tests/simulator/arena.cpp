#include "tests/simulator/arena.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/simulator/queue.h"
#include "tests/simulator/settings.h"

namespace nw::simulated {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kArenaBytes = size_t{1} << 38;  // addresses, not memory
constexpr int kMostArenas = 17;                  // one for pinned memory
constexpr int kFresh = 0xff;
constexpr size_t kUnit = 256;      // where CUDA lets allocations begin
constexpr size_t kLeastUnit = 16;  // where those begin that end at a page

size_t rounded(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// The pages that an allocation has for itself.
struct Pages {
  char* start;
  size_t bytes;
};
Pages pages_of(const char* memory, size_t bytes) {
  auto* begin = const_cast<char*>(memory) - reinterpret_cast<uintptr_t>(memory) % kPage;
  return {begin, rounded(static_cast<size_t>(memory + bytes - begin), kPage)};
}

void set_access(const Pages& pages, bool open) {
  mprotect(pages.start, pages.bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

/// One range of addresses, given out from its beginning to its end.
struct Arena {
  char* start = nullptr;
  size_t used = 0;
  std::map<const char*, size_t> allocations;
  bool open = false;
};

struct Arenas {
  std::mutex mutex;
  std::array<Arena, kMostArenas> all;  // that of device d is number d + 1
  char* start = nullptr;
  int open = kHost;

  Arenas();
  Arena& of(int device) { return all.at(static_cast<size_t>(device + 1)); }
};

thread_local bool works = false;
struct sigaction before;

Arenas& arenas() {
  static auto& all = *new Arenas;
  return all;
}

void describe(char* text, size_t bytes, const char* address) {
  const size_t place = static_cast<size_t>(address - arenas().start);
  const int device = static_cast<int>(place / kArenaBytes) - 1;
  const char* who = works ? "a kernel" : "the host";
  const bool living = allocation_of(address).has_value();
  if (device == kHost) {
    std::snprintf(text, bytes, "%s touches pinned memory at %p that is not allocated", who,
                  address);
  } else if (!living) {
    std::snprintf(text, bytes, "%s touches memory of cuda:%d at %p that is not allocated", who,
                  device, address);
  } else if (works) {
    std::snprintf(text, bytes, "a kernel of another device touches memory of cuda:%d at %p", device,
                  address);
  } else {
    std::snprintf(text, bytes, "the host touches memory of cuda:%d at %p", device, address);
  }
}

/// Says which memory was touched that nobody may touch; leaves other faults to who was asked
/// before.
void on_fault(int number, siginfo_t* info, void* context) {
  const char* address = static_cast<const char*>(info->si_addr);
  if (is_in_arena(address)) {
    char text[200];
    describe(text, sizeof(text), address);
    std::fprintf(stderr, "simulated GPU: %s (seed %llu)\n", text,
                 static_cast<unsigned long long>(settings().seed));
    void* frames[40];
    backtrace_symbols_fd(frames, backtrace(frames, 40), STDERR_FILENO);
    std::abort();
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    return before.sa_sigaction(number, info, context);
  }
  sigaction(number, &before, nullptr);
}

Arenas::Arenas() {
  void* range = mmap(nullptr, kMostArenas * kArenaBytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) misuse("no addresses for the memory of the devices");
  start = static_cast<char*>(range);
  for (size_t i = 0; i < all.size(); ++i) all[i].start = start + i * kArenaBytes;
  all[0].open = true;
  void* frames[1];
  backtrace(frames, 1);  // loads what it needs, which a handler must not do
  struct sigaction wanted {};
  wanted.sa_sigaction = on_fault;
  wanted.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &wanted, &before);
}

void protect(Arena& arena, bool open) {
  if (arena.open == open) return;
  arena.open = open;
  for (const auto& [memory, bytes] : arena.allocations) set_access(pages_of(memory, bytes), open);
}

}  // namespace

void* take_memory(int device, size_t bytes) {
  Arenas& all = arenas();
  const std::lock_guard lock(all.mutex);
  Arena& arena = all.of(device);
  const size_t room = rounded(bytes, kPage);
  if (room == 0 || arena.used + room + kPage > kArenaBytes) return nullptr;
  const Pages pages{arena.start + arena.used, room};
  arena.used += room + kPage;
  const size_t unit = bytes % kUnit == 0 || bytes > kPage ? kUnit : kLeastUnit;
  char* memory = pages.start + (settings().tight ? room - rounded(bytes, unit) : 0);
  set_access(pages, true);
  std::memset(pages.start, kFresh, pages.bytes);
  arena.allocations.emplace(memory, bytes);
  set_access(pages, arena.open);
  return memory;
}

size_t give_memory(int device, void* memory) {
  Arenas& all = arenas();
  const std::lock_guard lock(all.mutex);
  Arena& arena = all.of(device);
  const auto found = arena.allocations.find(static_cast<const char*>(memory));
  if (found == arena.allocations.end()) return 0;
  const size_t bytes = found->second;
  arena.allocations.erase(found);
  // The pages go back to the system; their addresses stay taken.
  const Pages pages = pages_of(static_cast<const char*>(memory), bytes);
  madvise(pages.start, pages.bytes, MADV_DONTNEED);
  set_access(pages, false);
  return bytes;
}

bool is_in_arena(const void* address) {
  const char* start = arenas().start;
  const char* at = static_cast<const char*>(address);
  return at >= start && at < start + kMostArenas * kArenaBytes;
}

std::optional<Allocation> allocation_of(const void* address) {
  if (!is_in_arena(address)) return {};
  Arenas& all = arenas();
  const char* at = static_cast<const char*>(address);
  const std::lock_guard lock(all.mutex);
  const auto number = static_cast<size_t>(at - all.start) / kArenaBytes;
  const auto& allocations = all.all[number].allocations;
  auto after = allocations.upper_bound(at);
  if (after == allocations.begin()) return {};
  const auto& [start, bytes] = *--after;
  if (at >= start + bytes) return {};
  return Allocation{start, bytes, static_cast<int>(number) - 1};
}

void open_memory(int device) {
  Arenas& all = arenas();
  if (all.open == device) return;
  const std::lock_guard lock(all.mutex);
  for (int i = 0; i + 1 < kMostArenas; ++i) protect(all.of(i), device == kAll || device == i);
  all.open = device;
}

int open_now() {
  return arenas().open;
}

void is_worker() {
  works = true;
}

}  // namespace nw::simulated
