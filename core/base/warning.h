#pragma once

#include <functional>
#include <string>

namespace nw {

/// Tells the user of something that works, but not as well as they may think. Thread-safe. Written
/// to the standard error stream unless a handler takes it.
void warn(const std::string& text);
/// Takes all warnings from now on; a null handler gives them back to the standard error stream.
void set_warning_handler(std::function<void(const std::string&)> handler);

}  // namespace nw
