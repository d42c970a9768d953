#pragma once

#include "core/trial/draw.h"

namespace nw::test {

using trial::Draw;

/// The seed of this test program: NW_TEST_SEED, or a fresh one. Prints it at the first call, so
/// that a failure can be repeated.
uint64_t test_seed();

}  // namespace nw::test
