#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nw::cli {

/// The path of this program, and the words that it was started with.
std::vector<std::string> own_command();

/// Shows a line that a rank other than the first wrote, with its number before it.
void show_line(int rank, bool is_error, std::string_view line);

}  // namespace nw::cli
