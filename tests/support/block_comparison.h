#pragma once

#include <string>

#include "core/trial/spread.h"
#include "tests/support/block_oracle.h"

namespace nw::test {

using trial::Numbers;
using trial::Spread;

/// A case that both accept, and what each made of it.
struct Comparison {
  const BlockCase& drawn;
  const Outcome& ours;
  const Oracle::Reply& torch;
  bool with_gradients;
};

/// The first difference of texts, weights, outputs, state and gradients that neither the usual
/// tolerance nor the spread of the case explains; empty: none.
std::string difference(const Comparison& comparison, const Spread& spread);

/// A dilated maximum may have all its points outside the input. Its value is −∞, and PyTorch 1.13's
/// backward then writes outside its memory: such a case cannot be asked for gradients.
bool has_empty_window(const BlockCase& drawn, const Tensor& y);

}  // namespace nw::test
