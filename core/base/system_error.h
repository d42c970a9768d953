#pragma once

#include <string>

namespace nw {

/// "cannot read x.pt in /folder: permission denied. <what to do>", for the system's error `code`.
std::string reading_problem(const std::string& path, int code);
/// The same for writing. `old_file`: one was there, and the text says that it is untouched.
std::string writing_problem(const std::string& path, int code, bool old_file);

}  // namespace nw
