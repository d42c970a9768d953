#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>

namespace nw {

/// Joins its arguments to one string, as `operator<<` writes them.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// A change that would mend the mistake an Error reports: "set this parameter to that value".
struct Remedy {
  std::string parameter;
  int64_t value = 0;
};

/// The caller's fault. The text starts with the op or file in brackets and tells what was expected
/// and what came: `[Linear] expects 400 features on the last dimension, gets 576`.
/// Thrown and caught inside core only; at the border it becomes a Problem (core/graph/problem.h).
class Error : public std::exception {
 public:
  explicit Error(std::string text) : text_(std::move(text)) {}
  Error(std::string text, Remedy remedy) : text_(std::move(text)), remedy_(std::move(remedy)) {}

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& text() const { return text_; }
  /// Empty parameter: none known.
  const Remedy& remedy() const { return remedy_; }

 private:
  std::string text_;
  Remedy remedy_;
};

/// Our own fault: a broken invariant. Never thrown for user input.
class InternalError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void throw_internal(const char* condition, const char* file, int line);

}  // namespace nw

/// Throws nw::Error with the joined message unless `condition` holds. For the caller's mistakes.
#define NW_CHECK(condition, ...)                    \
  do {                                              \
    if (!(condition)) [[unlikely]]                  \
      throw ::nw::Error(::nw::concat(__VA_ARGS__)); \
  } while (false)

/// Throws nw::InternalError unless `condition` holds. For our own bugs.
#define NW_ASSERT(condition)                                \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::nw::throw_internal(#condition, __FILE__, __LINE__); \
  } while (false)
