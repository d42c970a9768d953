#include "tests/support/draw.h"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace nw::test {

uint64_t test_seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("NW_TEST_SEED");
    const uint64_t drawn = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("seed %llu (NW_TEST_SEED=%llu repeats this run)\n",
                static_cast<unsigned long long>(drawn), static_cast<unsigned long long>(drawn));
    std::fflush(stdout);
    return drawn;
  }();
  return seed;
}

}  // namespace nw::test
