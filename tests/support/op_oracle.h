#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/draw.h"
#include "tests/support/oracle.h"

namespace nw::test {

/// One function of tensors, ours and PyTorch's.
struct OpRow {
  std::string name;
  std::string python;  // of the tensors a, b, c, the number s and the dimension d
  int inputs = 1;
  std::function<Tensor(const Tensors&, const Scalar& s, int64_t d)> ours;
  /// What is drawn lies about 0 with this width, or, if positive, away from 0 above it.
  double width = 2;
  bool positive = false;
  /// Whether the inputs broadcast to each other, or all have one size.
  bool broadcasts = true;
  /// Whether numbers may be repeated by stride 0.
  bool repeats = true;
  /// Results are sums of many numbers, or steep: so many times torch.testing's tolerance.
  double slack = 4;
};

/// Runs a row on inputs drawn at random: dtypes, sizes (0 and none among them), layouts, special
/// numbers; forward and backward, on both sides, and the sizes once more on meta. Both must refuse
/// or both give the same. Counts what was compared, so that a test can tell that it did something.
class OpOracle {
 public:
  OpOracle(Oracle& oracle, uint64_t seed) : oracle_(oracle), draw_(seed) {}

  /// The first difference, with all that is needed to see it again; empty: none.
  std::string check(const OpRow& row);

  int compared() const { return compared_; }
  int gradients() const { return gradients_; }
  int refused() const { return refused_; }

  Draw& draw() { return draw_; }
  /// Dense numbers of any dtype.
  Tensor numbers(const Dims& sizes, DType dtype, double width, bool positive, bool specials);
  /// The same numbers laid out in another way: turned, with gaps, channels_last, stride 0.
  Tensor laid_out(const Tensor& dense, bool may_repeat = true);
  DType dtype();

 private:
  struct Case;
  Case draw_case(const OpRow& row);
  std::string compare(const OpRow& row, const Case& drawn);

  Oracle& oracle_;
  Draw draw_;
  int compared_ = 0;
  int gradients_ = 0;
  int refused_ = 0;
};

}  // namespace nw::test
