#pragma once

#include <functional>

#include "core/tensor/tensor.h"

namespace nw::optim {

/// The objective along a line: its value, its gradient there (flat), and the slope along the line.
struct LinePoint {
  double step = 0;
  double value = 0;
  Tensor grad = {};
  double slope = 0;
};

struct LineSearchResult {
  LinePoint point;
  int64_t evaluations = 0;
};

/// Looks for a step that satisfies the strong Wolfe conditions: first a bracket by growing steps,
/// then a zoom into it, both by cubic interpolation. `start` is the point of step 0, `evaluate`
/// looks at a step, `largest` is the largest component of the direction. At most 25 looks.
/// Source: Nocedal & Wright, Numerical Optimization, 2006, 3.5; torch.optim.LBFGS.
LineSearchResult strong_wolfe(const std::function<LinePoint(double step)>& evaluate,
                              const LinePoint& start, double first_step, double largest,
                              double tolerance_change);

}  // namespace nw::optim
