#pragma once

#include "core/codegen/python_code.h"

namespace nw::codegen {

/// Writes a drawing as `class Model(nn.Module)` into `out`: definition, construction, results and
/// loss_arguments. Throws Error for a block without a counterpart in PyTorch.
void write_class(const graph::Structure& structure, const graph::Inference& inference,
                 PythonModel& out);

}  // namespace nw::codegen
