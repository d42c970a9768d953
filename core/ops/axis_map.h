#pragma once

#include <memory>
#include <vector>

#include "core/backend/resample_kernels.h"
#include "core/tensor/tensor.h"

/// Resampling as sparse linear maps, one along each spatial dimension: interpolation and adaptive
/// means differ in the maps only.
namespace nw::ops {

using AxisMaps = std::vector<AxisMap>;

/// The map of the gradient: outputs become inputs.
AxisMap transposed(const AxisMap& map);

/// x (…, spatial…) with a map applied along each of the last dimensions. float16 and bfloat16 are
/// mapped in float32 and rounded once. `learned`: the maps whose transposes give the gradient,
/// where these are others.
Tensor mapped(const Tensor& x, std::shared_ptr<const AxisMaps> maps, std::string_view op,
              std::shared_ptr<const AxisMaps> learned = nullptr);

}  // namespace nw::ops
