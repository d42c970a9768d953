#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

/// Calls of ops, drawn at random and compared with PyTorch: results, gradients and refusals.
namespace nw::test {

/// One drawn call: the Python expression (a tensor or several), its inputs by name, and ours.
struct Call {
  std::string python;
  Oracle::Inputs inputs;
  std::function<Tensors()> ours;
};

/// Draws tensors and arguments.
class Drawn {
 public:
  explicit Drawn(uint64_t seed) : draw(seed) {}

  Draw draw;

  /// Sizes from 1 to 4, now and then 0.
  Dims sizes(int64_t least_rank, int64_t most_rank);
  /// Any dtype, often a plain one.
  DType dtype();
  /// Numbers in any layout; floating and complex ones want a gradient.
  Tensor tensor(const Dims& sizes, DType dtype);
  Tensor tensor(const Dims& sizes) { return tensor(sizes, dtype()); }
  /// A dimension of a tensor of that rank, maybe negative.
  int64_t dim(int64_t rank);
  /// All dimensions in some order, some of them negative.
  Dims order(int64_t rank);
  std::optional<int64_t> maybe(int64_t least, int64_t most);

 private:
  Tensor laid_out(const Tensor& dense);
};

/// "[1, 2]" and "None" as Python has them.
std::string list(const std::vector<int64_t>& values);
std::string list(const Dims& values);
std::string none_or(const std::optional<int64_t>& value);

/// Draws `count` calls and compares each with PyTorch. Returns the first difference in words, or an
/// empty string; a complaint, too, when so many calls are refused that little is compared. What
/// torch has not written for a dtype or a layout, ours may do.
std::string compare_calls(Oracle& oracle, const std::function<Call(Drawn&)>& make, uint64_t seed,
                          int count);

/// How the calls of ops are drawn, by the ops' names.
using Makers = std::map<std::string, std::function<Call(Drawn&)>>;
/// A row of test data for each op.
void add_rows(const Makers& makers);
/// Draws and compares `count` calls of the row's op; fails the test with the first difference.
void compare_row(Oracle& oracle, const Makers& makers, int count);

}  // namespace nw::test
