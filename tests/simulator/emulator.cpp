#include "tests/simulator/emulator.h"

#include <sys/mman.h>

#include <random>
#include <vector>

namespace nw::emulated {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr size_t kGuardBytes = 4096;  // below each stack: one that runs over ends the program
constexpr unsigned char kGarbage = 0xff;

struct Fiber {
  void* context = nullptr;
  char* stack = nullptr;
  Wait wait = Wait::Over;
  alignas(16) char slot[16];
};

/// One block at a time.
struct Machine {
  std::vector<Fiber> fibers = std::vector<Fiber>(kMostThreads);
  void* scheduler = nullptr;
  const std::function<void()>* body = nullptr;
  std::vector<char> shared;
  std::minstd_rand order{1};

  Machine() {
    const size_t each = kStackBytes + kGuardBytes;
    void* stacks = mmap(nullptr, each * kMostThreads, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    NW_CHECK(stacks != MAP_FAILED, "[emulator] no memory for the stacks of a block");
    for (unsigned i = 0; i < kMostThreads; ++i) {
      char* start = static_cast<char*>(stacks) + i * each;
      mprotect(start, kGuardBytes, PROT_NONE);
      fibers[i].stack = start + kGuardBytes;
    }
  }
  uint32_t draw(uint32_t count) { return static_cast<uint32_t>(order()) % count; }
};

Machine& machine() {
  static auto& one = *new Machine;
  return one;
}

/// Leaves the stack that runs now, to be found at *own, for `other`: what a function keeps for its
/// caller on x86-64 is put on the one and taken from the other. The C library's way asks the system
/// each time.
[[gnu::naked, gnu::noinline]] void change_places(void**, void*) {
  asm("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}

void enter() {
  Machine& m = machine();
  (*m.body)();
  Fiber& own = m.fibers[here.number];
  own.wait = Wait::Over;
  change_places(&own.context, m.scheduler);
}

/// A stack on which change_places() finds enter() as the place to go on.
void prepare(Fiber& fiber) {
  constexpr size_t kKept = 6;
  auto top = reinterpret_cast<uintptr_t>(fiber.stack + kStackBytes) / 16 * 16;
  auto* words = reinterpret_cast<uintptr_t*>(top) - (kKept + 2);
  std::fill(words, words + kKept + 2, uintptr_t{0});
  words[kKept] = reinterpret_cast<uintptr_t>(&enter);
  fiber.context = words;
  fiber.wait = Wait::None;
}

/// Lets go those that wait for each other and are all there. Threads that ended are not waited for.
bool release(unsigned first, unsigned last, Wait wait) {
  Machine& m = machine();
  bool any = false;
  for (unsigned i = first; i < last; ++i) {
    const Wait state = m.fibers[i].wait;
    if (state != wait && state != Wait::Over) return false;
    any = any || state == wait;
  }
  for (unsigned i = first; i < last; ++i) {
    if (m.fibers[i].wait == wait) m.fibers[i].wait = Wait::None;
  }
  return any;
}

/// Lets each thread that waits for nothing go on to where it waits next: those of the warp `late`,
/// or all others; whether there was one.
bool advance(unsigned late, bool is_late) {
  Machine& m = machine();
  const unsigned first = m.draw(here.threads);
  const bool backwards = m.draw(2) == 1;
  bool moved = false;
  for (unsigned k = 0; k < here.threads; ++k) {
    const unsigned i = (first + (backwards ? here.threads - k : k)) % here.threads;
    if (m.fibers[i].wait != Wait::None || (i / kWarp == late) != is_late) continue;
    here.number = i;
    here.thread = {i, 0, 0};
    change_places(&m.scheduler, m.fibers[i].context);
    moved = true;
  }
  return moved;
}

/// Lets go the warps, and the block, whose threads have met; whether there were any.
bool release_all() {
  bool moved = false;
  for (unsigned w = 0; w < here.threads; w += kWarp) {
    moved = release(w, std::min(w + kWarp, here.threads), Wait::Warp) || moved;
  }
  return release(0, here.threads, Wait::Block) || moved;
}

/// One warp goes on only when the others can go no further without it.
void run_block() {
  Machine& m = machine();
  std::fill(m.shared.begin(), m.shared.end(), static_cast<char>(kGarbage));
  for (unsigned i = 0; i < here.threads; ++i) prepare(m.fibers[i]);
  const unsigned late = m.draw((here.threads + kWarp - 1) / kWarp);
  const auto end = m.fibers.begin() + here.threads;
  const auto is_over = [](const Fiber& fiber) { return fiber.wait == Wait::Over; };
  while (!std::all_of(m.fibers.begin(), end, is_over)) {
    bool moved = advance(late, false);
    moved = release_all() || moved;
    if (moved) continue;
    moved = advance(late, true);
    moved = release_all() || moved;
    NW_CHECK(moved, "[emulator] the threads of a block wait for each other at different places");
  }
}

}  // namespace

Place here;

void meet(Wait wait) {
  Machine& m = machine();
  Fiber& own = m.fibers[here.number];
  own.wait = wait;
  change_places(&own.context, m.scheduler);
}

char* slot_of(unsigned number) {
  return machine().fibers[number].slot;
}

void run(unsigned blocks, unsigned threads, size_t shared_bytes,
         const std::function<void()>& body) {
  Machine& m = machine();
  m.body = &body;
  m.shared.resize(shared_bytes + 16);
  char* memory = m.shared.data();
  here.shared = memory + (16 - reinterpret_cast<uintptr_t>(memory) % 16) % 16;
  here.threads = threads;
  here.block_size = {threads, 1, 1};
  here.grid_size = {blocks, 1, 1};
  const unsigned first = m.draw(blocks);
  for (unsigned k = 0; k < blocks; ++k) {
    here.block = {(first + k) % blocks, 0, 0};
    run_block();
  }
}

void set_seed(uint64_t seed) {
  machine().order.seed(static_cast<uint32_t>(seed));
}

}  // namespace nw::emulated
