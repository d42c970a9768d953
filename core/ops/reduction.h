#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// Whether reduced dimensions stay with size 1 or go.
enum class Keep : uint8_t { No, Yes };

/// Over all elements -> scalar.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
/// Over `dims`, which may be negative; an empty list means all.
Tensor sum(const Tensor& x, const Dims& dims, Keep keep = Keep::No);
Tensor mean(const Tensor& x, const Dims& dims, Keep keep = Keep::No);

}  // namespace nw::ops
