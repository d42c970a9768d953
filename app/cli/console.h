#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace nw::cli {

/// Opens /dev/null in the place of a standard stream that was closed, so that no file we write
/// takes its number and receives what is printed.
void keep_standard_streams_open();

/// Writes to standard output at once; a failure is remembered for finish_output().
void print(std::string_view text);
/// Writes to standard error at once.
void note(std::string_view text);

enum class Output {
  Written,
  ReaderGone,  // the other end of the pipe was closed, as by `| head`
  Failed,      // output_error() tells why
};
/// Flushes standard output and tells how writing went since the start.
Output finish_output();
/// The system's words for the first failure.
std::string output_error();

/// One object on one or more lines, two-space indent; text that is not UTF-8 is mended.
std::string json_text(const nlohmann::ordered_json& value);

/// What standard error can show.
struct Terminal {
  bool present = false;
  int columns = 80;
  bool unicode = false;
};
/// As it is now: the width changes with the window.
Terminal terminal();

}  // namespace nw::cli
