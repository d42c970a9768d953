#include "plugins/cuda/peak.h"

#include <algorithm>
#include <iterator>

namespace nw::cuda {
namespace {

/// Operations of one multiprocessor in one clock, a product and its sum counting as two; of
/// tensor cores for TF32 and 16 bits, without sparsity, sums in float32.
struct Throughput {
  int major, minor;
  double float64, float32, tf32, half;
};

constexpr Throughput kKnown[] = {
    {7, 0, 64, 128, 0, 1024},     {7, 5, 4, 128, 0, 1024},       {8, 0, 128, 128, 1024, 2048},
    {8, 6, 4, 256, 256, 512},     {8, 7, 4, 256, 256, 512},      {8, 9, 4, 256, 256, 512},
    {9, 0, 256, 256, 2048, 4096}, {10, 0, 256, 256, 4096, 8192}, {12, 0, 4, 256, 256, 512},
};

}  // namespace

void set_peak(DeviceFacts& facts, int processors, double hertz) {
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Throughput& t) {
    return t.major == facts.major && t.minor == facts.minor;
  });
  if (found == std::end(kKnown)) return;
  const double clocks = processors * hertz;
  facts.float64_flops = found->float64 * clocks;
  facts.float32_flops = found->float32 * clocks;
  facts.tf32_flops = found->tf32 * clocks;
  facts.half_flops = found->half * clocks;
}

}  // namespace nw::cuda
