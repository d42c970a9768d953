#pragma once

namespace nw::cli {

/// Exit codes beside 0. A run that a signal stopped ends with 128 + its number, as a shell tells
/// it: 130 for Ctrl+C.
inline constexpr int kFailure = 1;  // a problem in the input, or in doing the work
inline constexpr int kUsage = 2;    // a wrong command line

/// The whole program: reads the command line, runs the verb, and gives the exit code. Every
/// exception ends here, as one line on standard error and, with --json, as {"error": …}.
int run(int argc, const char* const* argv);

}  // namespace nw::cli
