#pragma once

namespace CLI {
class App;
}

/// Each function adds one verb to the program: its options, its help with an example, and its
/// callback. A callback prints results on standard output, notes on standard error, and throws: an
/// nw::Error for a problem in what it was given, CLI::ValidationError for a wrong command line,
/// CLI::RuntimeError to end with an exit code after it has said why.
namespace nw::cli {

void add_train(CLI::App& app);
void add_eval(CLI::App& app);
void add_export(CLI::App& app);
void add_check(CLI::App& app);
void add_blocks(CLI::App& app);
void add_run(CLI::App& app);
void add_doctor(CLI::App& app);
void add_selftest(CLI::App& app);

}  // namespace nw::cli
