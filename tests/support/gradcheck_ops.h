#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "tests/support/draw.h"

namespace nw::test {

/// What a row's op does not take, of the layouts and sizes that it is tried with.
struct GradRowTraits {
  bool takes_batch_of_one = true;
  bool takes_empty_batch = true;
  /// complex128 inputs, too.
  bool takes_complex = false;
  /// Which inputs have the batch as their first dimension; none given: those whose first size is
  /// that of the first input.
  std::vector<size_t> batched = {};
};

/// One op whose gradient is checked: a function of float64 tensors that gives a Tensor or Tensors,
/// and the sizes of its inputs.
struct GradRow {
  template <typename Function>
  GradRow(std::string label, Function op, std::vector<Dims> input_sizes, GradRowTraits extra = {})
      : name(std::move(label)), sizes(std::move(input_sizes)), traits(std::move(extra)) {
    if constexpr (std::same_as<std::invoke_result_t<Function, const Tensors&>, Tensor>) {
      function = [op](const Tensors& inputs) -> Tensors { return {op(inputs)}; };
    } else {
      function = op;
    }
  }

  std::string name;
  std::function<Tensors(const Tensors&)> function;
  std::vector<Dims> sizes;
  GradRowTraits traits;
};

/// Adds a row of test data for each op: for `void gradients_are_right_data()`.
void add_rows(const std::vector<GradRow>& rows);
/// Checks the op of the current row over {contiguous, transposed, sliced, stride 0, channels_last,
/// batch of 1, batch of 0} and in complex numbers where it takes them: for `void
/// gradients_are_right()`. Fails the test with the first difference; returns how many were checked.
int check_row(const std::vector<GradRow>& rows);

}  // namespace nw::test
