#pragma once

#include <cstdint>

namespace nw::cli {

/// How often `operator new` was called in this program and its libraries since the start.
uint64_t heap_allocations();

}  // namespace nw::cli
