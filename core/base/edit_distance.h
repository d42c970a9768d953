#pragma once

#include <cstddef>
#include <string_view>

namespace nw {

/// ASCII letters without case: how many characters a slip of the pen changed, added or lost; two
/// neighbours in the wrong order are one slip.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace nw
