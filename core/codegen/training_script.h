#pragma once

#include <string>

#include "core/graph/project.h"

namespace nw::codegen {

/// A Python script that runs the project in PyTorch with the same initial weights, batches and
/// dropout masks, and prints the loss of each step. Needs torch and numpy, no file of ours but what
/// `data_code` reads: Python that sets x, t, x_test and t_test (DatasetSpec::python). `name` stands
/// in its head. Throws Error for a project that cannot be trained, or has no counterpart in
/// PyTorch.
std::string training_script(const graph::Project& project, const data::Signature& data,
                            const std::string& name, const std::string& data_code);

}  // namespace nw::codegen
