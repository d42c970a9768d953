#include "core/base/system_error.h"

#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/file.h"

namespace nw {
namespace {

std::string folder_of(const std::string& path) {
  std::error_code ignored;
  const auto absolute = std::filesystem::absolute(path, ignored);
  return (ignored ? std::filesystem::path(path) : absolute).parent_path().string();
}

/// The system's reason in English, whatever the locale: messages are one language throughout.
std::string reason(int code) {
  const char* known = strerrordesc_np(code);
  std::string text = known != nullptr ? known : concat("system error ", code);
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

const char* reading_remedy(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return "Check the name and the folder";
    case EACCES:
    case EPERM:
      return "Ask its owner for permission to read it, or choose another file";
    case EISDIR:
      return "Name a file, not a folder";
    case ENOTSUP:
      return "Name a regular file, not a device or a pipe";
    case ENOMEM:
      return "Close other programs, or choose a smaller file";
    case EIO:
      return "The disk may be failing: try a copy of the file";
    default:
      return "Choose another file";
  }
}

const char* writing_remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "Free some space or choose another folder";
    case EFBIG:
      return "Files here may not grow that large: choose another folder or raise the limit";
    case ENOENT:
    case ENOTDIR:
      return "Create the folder or choose another one";
    case EISDIR:
      return "Name a file, not a folder";
    case ENAMETOOLONG:
      return "Choose a shorter name";
    case EIO:
      return "The disk may be failing: choose another one";
    default:
      return "Choose a folder that you may write to";
  }
}

}  // namespace

std::string reading_problem(const std::string& path, int code) {
  return concat("cannot read ", file_name(path), " in ", folder_of(path), ": ", reason(code), ". ",
                reading_remedy(code));
}

std::string writing_problem(const std::string& path, int code, bool old_file) {
  return concat("cannot write ", file_name(path), " in ", folder_of(path), ": ", reason(code), ". ",
                writing_remedy(code),
                old_file ? "; the old file is untouched" : "; nothing was written");
}

}  // namespace nw
