#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/trial/numbers.h"

namespace nw::trial {

/// How far rounding takes the numbers of a case, found by trying: runs of an implementation that is
/// trusted, each from numbers changed by one rounding, and how far they stray from the exact
/// results. Where a case is ill-conditioned (a variance next to nothing, a number that falls on
/// either side of a kink) they stray far, and elsewhere hardly: what strays much farther is wrong.
class Spread {
 public:
  /// From what distances are taken: the best results known.
  explicit Spread(Numbers exact) : exact_(std::move(exact)) {}

  /// Counts a run's tensors in.
  void add(const Numbers& run);
  /// Whether rounding explains this tensor: each number is at most kTimes as far from the exact one
  /// as a run's numbers have been, or some run, too, had it finite where it is not, or the other
  /// way round.
  bool explains(const std::string& name, const Tensor& tensor) const;
  /// Null: not known.
  const Tensor* exact(const std::string& name) const { return find(exact_, name); }

  /// Runs that are tried, at most.
  static constexpr uint64_t kRuns = 64;

 private:
  /// One tensor: the largest finite distance, and which numbers were infinitely far from theirs.
  struct Reach {
    double most = 0;
    std::vector<bool> lost = {};
  };

  Numbers exact_;
  std::map<std::string, Reach> reach_;
};

}  // namespace nw::trial
