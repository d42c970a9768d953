#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/simulator/queue.h"

namespace nw::simulated {

/// What a library finds wrong with memory that it is given.
enum class Flaw { None, Null, Misaligned, NotOnDevice };

/// Looks whether `bytes` of live memory that `device` can reach begin at an address, aligned.
Flaw flaw_of(const void* address, size_t bytes, size_t alignment, int device);

/// Whether two pieces of memory have a byte in common.
bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes);

/// Fills a workspace with numbers that are none: what is left there may be anything.
void scribble(void* workspace, size_t bytes);

/// A number that looks drawn, the same for the same numbers.
uint64_t mixed(std::span<const int64_t> values);

}  // namespace nw::simulated
