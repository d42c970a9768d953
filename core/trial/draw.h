#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "core/nn/description.h"
#include "core/tensor/tensor.h"

namespace nw::trial {

/// Draws arguments and numbers to try blocks with. The same seed draws the same.
class Draw {
 public:
  explicit Draw(uint64_t seed) : engine_(seed) {}

  int64_t integer(int64_t least, int64_t most);
  double real(double least, double most);
  bool chance(double probability);
  uint64_t seed() { return engine_(); }

  /// Normally distributed numbers, floating or complex.
  Tensor numbers(const Dims& sizes, DType dtype);
  /// int64 in least … most.
  Tensor whole(const Dims& sizes, int64_t least, int64_t most);
  /// bool, true with a probability.
  Tensor coins(const Dims& sizes, double probability);
  /// float64: −1 or 1; from 0 to 1, both now and then.
  Tensor signs(const Dims& sizes);
  Tensor probabilities(const Dims& sizes);

  /// A legal value of the parameter, its default now and then.
  nn::Value value(const nn::Param& param);
  /// Values of some or all parameters that the description has no problem with.
  nn::Args args(const nn::Description& description);

 private:
  nn::Value fresh(const nn::Param& param);
  size_t items_of(const nn::Param& param);
  /// Gives blocks within a block the sizes of that, or of the first of them, so that they fit.
  void fit(nn::Args& args, std::map<std::string, nn::Value>& shared);
  /// A value that is taken, but lies beyond the useful ones; none where there is no such thing.
  std::optional<nn::Value> unusual(const nn::Param& param);

  std::mt19937_64 engine_;
};

}  // namespace nw::trial
