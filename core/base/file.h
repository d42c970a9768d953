#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace nw {

/// The whole file. Throws Error naming the file, the system's reason and a remedy.
std::string read_file(const std::string& path);

/// Writes a file so that a reader sees the old content or the new, never a part: a temporary file
/// beside it, flushed to the disk, renamed over it, and the folder flushed. Keeps the permissions
/// of an existing file; follows a symbolic link. On any failure throws Error and leaves the old
/// file and no temporary one.
void write_file_atomically(const std::string& path, std::string_view content);

/// Streaming form for large files: `produce` gets a function that appends bytes.
using Append = std::function<void(const void* bytes, size_t count)>;
void write_file_atomically(const std::string& path,
                           const std::function<void(const Append&)>& produce);

}  // namespace nw
