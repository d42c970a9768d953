#pragma once

#include <string>
#include <string_view>

namespace nw::graph {

struct Structure;

/// Why `name` cannot be a layer's name: it must look like a Python name or be digits only, and not
/// be one that nn.Module uses itself; dots part such names ("features.0": the layer 0 in the group
/// features). Empty: it can, or it is empty (then the position counts).
std::string problem_of_name(std::string_view name);

/// Gives every live layer its key in order, and reports names that are not possible or not unique.
void name_layers(Structure& structure);

}  // namespace nw::graph
