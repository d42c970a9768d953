#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/nn/description.h"
#include "core/tensor/tensor.h"

namespace nw::test {

/// The seed of this test program: NW_TEST_SEED, or a fresh one. Prints it at the first call, so
/// that a failure can be repeated.
uint64_t test_seed();

/// Draws test cases. The same seed draws the same cases.
class Draw {
 public:
  explicit Draw(uint64_t seed) : engine_(seed) {}

  int64_t integer(int64_t least, int64_t most);
  double real(double least, double most);
  bool chance(double probability);
  uint64_t seed() { return engine_(); }

  /// Normally distributed numbers.
  Tensor numbers(const Dims& sizes, DType dtype);
  /// int64 in 0 … count−1.
  Tensor classes(const Dims& sizes, int64_t count);

  /// A legal value of the parameter, its default now and then.
  nn::Value value(const nn::Param& param);
  /// Values of some or all parameters that the description has no problem with.
  nn::Args args(const nn::Description& description);

 private:
  nn::Value fresh(const nn::Param& param);

  std::mt19937_64 engine_;
};

/// Python that builds the described object: "nn.Conv2d(3, 6, (5, 5), stride=2)". `before` goes in
/// front of the arguments ("params, "). Required parameters go by place, the others by name.
std::string python_call(const nn::Description& description, const nn::Args& args,
                        const std::string& before = "");

}  // namespace nw::test
