#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/error.h"

/// CUDA kernels on the CPU: what a kernel file needs of CUDA C++, so that the C++ compiler takes it
/// and tests can run it where there is no GPU. Included before the kernel file itself. Blocks run
/// one after the other; the threads of a block are fibers that change places where the block or a
/// warp meets, so barriers, shuffles and shared memory do what they do on a GPU. A kernel whose
/// threads do not all come to a meeting point ends with an error instead of hanging.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace nw::emulated {

inline constexpr int kWarp = 32;
inline constexpr size_t kStackBytes = 64 * 1024;

/// Where a fiber waits.
enum class Wait : uint8_t { None, Block, Warp, Over };

struct Fiber {
  void* context = nullptr;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  Wait wait = Wait::Over;
  alignas(16) char slot[16];  // what the thread shows its warp
};

/// One block at a time.
struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;
  void* scheduler = nullptr;
  std::function<void()> body;
  std::vector<char> shared;
  unsigned current = 0;
  unsigned threads = 0;
  int64_t launches = 0;
};

inline Machine& machine() {
  static Machine one;
  return one;
}

inline dim3 thread, block, block_size, grid_size;

/// Leaves the stack that runs now, to be found at *own, for `other`: what a function keeps for its
/// caller on x86-64 is put on the one and taken from the other. The C library's way asks the system
/// each time.
[[gnu::naked, gnu::noinline]] inline void change_places(void**, void*) {
  asm("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}

inline void enter() {
  Machine& m = machine();
  m.body();
  m.fibers[m.current]->wait = Wait::Over;
  change_places(&m.fibers[m.current]->context, m.scheduler);
}

/// A stack on which change_places() finds enter() as the place to go on.
inline void prepare(Fiber& fiber) {
  constexpr size_t kKept = 6;
  auto top = reinterpret_cast<uintptr_t>(fiber.stack.get() + kStackBytes) / 16 * 16;
  auto* words = reinterpret_cast<uintptr_t*>(top) - (kKept + 2);
  std::fill(words, words + kKept + 2, uintptr_t{0});
  words[kKept] = reinterpret_cast<uintptr_t>(&enter);
  fiber.context = words;
  fiber.wait = Wait::None;
}

/// Gives the processor back until all of the block, or of the warp, wait alike.
inline void meet(Wait wait) {
  Machine& m = machine();
  Fiber& own = *m.fibers[m.current];
  own.wait = wait;
  change_places(&own.context, m.scheduler);
}

/// Lets go those that wait for each other and are all there. Threads that ended are not waited for.
inline bool release(unsigned first, unsigned last, Wait wait) {
  Machine& m = machine();
  bool any = false;
  for (unsigned i = first; i < last; ++i) {
    const Wait state = m.fibers[i]->wait;
    if (state != wait && state != Wait::Over) return false;
    any = any || state == wait;
  }
  for (unsigned i = first; i < last; ++i) {
    if (m.fibers[i]->wait == wait) m.fibers[i]->wait = Wait::None;
  }
  return any;
}

inline void run_block() {
  Machine& m = machine();
  while (m.fibers.size() < m.threads) m.fibers.push_back(std::make_unique<Fiber>());
  for (unsigned i = 0; i < m.threads; ++i) prepare(*m.fibers[i]);
  for (;;) {
    bool moved = false;
    bool all_over = true;
    for (unsigned i = 0; i < m.threads; ++i) {
      if (m.fibers[i]->wait != Wait::Over) all_over = false;
      if (m.fibers[i]->wait != Wait::None) continue;
      m.current = i;
      thread = {i % block_size.x, i / block_size.x, 0};
      change_places(&m.scheduler, m.fibers[i]->context);
      moved = true;
    }
    if (all_over) return;
    for (unsigned w = 0; w < m.threads; w += kWarp) {
      moved = release(w, std::min<unsigned>(w + kWarp, m.threads), Wait::Warp) || moved;
    }
    moved = release(0, m.threads, Wait::Block) || moved;
    NW_CHECK(moved, "[emulator] the threads of a block wait for each other at different places");
  }
}

inline void run(dim3 grid, dim3 threads, size_t shared_bytes, std::function<void()> body) {
  Machine& m = machine();
  m.body = std::move(body);
  m.threads = threads.x * threads.y;
  m.shared.assign(shared_bytes + 16, static_cast<char>(0xee));
  ++m.launches;
  block_size = threads;
  grid_size = grid;
  for (block.y = 0; block.y < grid.y; ++block.y) {
    for (block.x = 0; block.x < grid.x; ++block.x) run_block();
  }
}

/// What the thread `lane` of this warp shows.
template <typename T>
T exchange(T value, unsigned lane) {
  Machine& m = machine();
  const unsigned own = m.current;
  std::memcpy(m.fibers[own]->slot, &value, sizeof(T));
  meet(Wait::Warp);
  const unsigned from = own / kWarp * kWarp + lane;
  T given = value;
  if (lane < kWarp && from < m.threads) std::memcpy(&given, m.fibers[from]->slot, sizeof(T));
  meet(Wait::Warp);
  return given;
}

}  // namespace nw::emulated

#define threadIdx (::nw::emulated::thread)
#define blockIdx (::nw::emulated::block)
#define blockDim (::nw::emulated::block_size)
#define gridDim (::nw::emulated::grid_size)

inline void __syncthreads() {
  nw::emulated::meet(nw::emulated::Wait::Block);
}
inline void __syncwarp() {
  nw::emulated::meet(nw::emulated::Wait::Warp);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  const unsigned lane = nw::emulated::machine().current % nw::emulated::kWarp;
  return nw::emulated::exchange(value, lane ^ static_cast<unsigned>(mask));
}
template <typename T>
T __shfl_up_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = nw::emulated::machine().current % nw::emulated::kWarp;
  return nw::emulated::exchange(value, lane >= delta ? lane - delta : lane);
}
template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  return nw::emulated::exchange(value, static_cast<unsigned>(lane));
}
inline unsigned __ballot_sync(unsigned, bool mark) {
  unsigned marks = 0;
  for (unsigned lane = 0; lane < nw::emulated::kWarp; ++lane) {
    if (nw::emulated::exchange(mark ? 1u : 0u, lane) != 0) marks |= 1u << lane;
  }
  return marks;
}
inline int __ffs(unsigned bits) {
  return __builtin_ffs(static_cast<int>(bits));
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
template <typename T>
T atomicAdd(T* to, T value) {
  const T before = *to;
  *to = before + value;
  return before;
}
template <typename T>
T atomicCAS(T* to, T expected, T value) {
  const T before = *to;
  if (before == expected) *to = value;
  return before;
}
template <typename T>
T atomicExch(T* to, T value) {
  const T before = *to;
  *to = value;
  return before;
}

namespace nw::cuda {

/// Few, so that kernels go on in strides.
inline int64_t most_blocks() {
  return 3;
}

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), int64_t blocks, int threads, size_t shared_bytes,
            const Arguments&... arguments) {
  NW_CHECK(blocks > 0 && threads > 0 && threads <= 1024 && shared_bytes <= 48 * 1024,
           "[emulator] no such launch: ", blocks, " blocks of ", threads, " threads with ",
           shared_bytes, " bytes");
  nw::emulated::run({static_cast<unsigned>(blocks), 1, 1}, {static_cast<unsigned>(threads), 1, 1},
                    shared_bytes, [&] { kernel(static_cast<Parameters>(arguments)...); });
}

template <typename T>
T* shared_memory() {
  char* memory = nw::emulated::machine().shared.data();
  return reinterpret_cast<T*>(memory + (16 - reinterpret_cast<uintptr_t>(memory) % 16) % 16);
}

}  // namespace nw::cuda
