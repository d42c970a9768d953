#pragma once

#include <complex>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::trial {

/// One tensor of a run and what it is.
struct Named {
  std::string name;
  Tensor tensor;  // on the CPU; undefined where there is none
};
using Numbers = std::vector<Named>;

/// The tensor of that name; null: there is none, or it is undefined.
const Tensor* find(const Numbers& numbers, const std::string& name);

/// Dense complex128.
Tensor wide(const Tensor& x);
/// How far two numbers are apart; 0: equal, or both NaN; infinite where only one is finite.
double distance(const std::complex<double>& a, const std::complex<double>& b);
/// The largest finite number of a tensor; 0: there is none.
double largest(const Tensor& x);
/// One rounding of a dtype, in shares of a number; 0 for whole numbers.
double step_of(DType dtype);

/// The same numbers, most of them changed by one rounding, up or down as `which` has it. Equal
/// numbers stay equal, so that what is decided between them (the first of the largest, say) stays
/// decided; 0 stays 0, and what lies in 0 … 1 stays there. Laid out in memory as x is.
Tensor nudged(const Tensor& x, uint64_t which);

}  // namespace nw::trial
