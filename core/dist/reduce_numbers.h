#pragma once

#include <cstddef>

#include "core/dist/process_group.h"
#include "core/tensor/dtype.h"

namespace nw::dist {

/// out[i] = a[i] combined with b[i] for `count` elements of one dtype; out may be a or b.
using Combine = void (*)(void* out, const void* a, const void* b, size_t count);

/// How two ranks' numbers become one; Average combines as Sum does, see divide(). float16 and
/// bfloat16 are combined in float32 and rounded once, whole numbers wrap, NaN stays NaN in Min and
/// Max, and bools are or (Sum, Max) and and (Product, Min). Complex numbers are to be seen as pairs
/// of real ones, for which Product, Min and Max are null.
Combine combine_of(DType dtype, Reduction reduction);

/// Divides `count` floating or complex elements by `divisor`: the second half of Average.
void divide(DType dtype, void* numbers, size_t count, int divisor);

}  // namespace nw::dist
