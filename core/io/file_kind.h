#pragma once

#include <string_view>

namespace nw::io {

/// What a file that cannot be read as what was wanted is by its first bytes, for messages: "a NumPy
/// array", "a text".
std::string_view kind_of_file(std::string_view head);

}  // namespace nw::io
