#include "app/cli/run.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "app/cli/bench.h"
#include "app/cli/console.h"
#include "app/cli/plugins.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"

namespace nw::cli {
namespace {

constexpr void (*kVerbs[])(CLI::App&) = {
    add_train,  add_eval,  add_run,    add_export,   add_check,
    add_blocks, add_bench, add_doctor, add_selftest,
};

bool asks_for_json(int argc, const char* const* argv) {
  return std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; });
}

int fail(const std::string& text, int code, bool json) {
  note("netwright-cli: " + text + "\n");
  if (json) print(json_text({{"error", text}}) + "\n");
  return code;
}

/// What to say of a first word that is no verb; CLI11 would only say that a verb is missing.
std::string unknown_verb(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  std::string known;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    if (verb->get_name() == argv[1]) return "";
    known += (known.empty() ? "" : ", ") + verb->get_name();
  }
  return concat("expects a verb (", known, "), gets \"", argv[1], "\"");
}

int usage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv,
          bool json) {
  std::string text = unknown_verb(app, argc, argv);
  if (text.empty()) text = error.what();
  std::string command = "netwright-cli";
  for (const CLI::App* verb : app.get_subcommands()) command += " " + verb->get_name();
  return fail(text + (text.ends_with('.') ? "" : ".") + " See " + command + " --help.", kUsage,
              json);
}

void tell_of_plugins() {
  for (const plugin::LoadResult& one : loaded_plugins()) {
    if (!one.failure.empty()) note("netwright-cli: " + one.failure + "\n");
  }
}

int parse_and_run(CLI::App& app, int argc, const char* const* argv, bool json) {
  try {
    tell_of_plugins();
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::RuntimeError& end) {
    return end.get_exit_code();
  } catch (const CLI::Success& wanted) {  // --help and --version
    std::ostringstream out;
    app.exit(wanted, out, out);
    print(out.str());
    return 0;
  } catch (const CLI::ParseError& error) {
    return usage(app, error, argc, argv, json);
  } catch (const InternalError& error) {
    return fail(error.text() + " This is a mistake in the program; please report it.", kFailure,
                json);
  } catch (const std::bad_alloc&) {
    return fail("Out of memory. Try a smaller batch size or data set.", kFailure, json);
  } catch (const std::exception& error) {
    return fail(error.what(), kFailure, json);
  }
}

}  // namespace

int run(int argc, const char* const* argv) {
  keep_standard_streams_open();
  // A closed pipe and a file-size limit then come as errors of the write that meets them, and what
  // was trained can still be saved.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App app("Train, test and export the networks that are drawn in Netwright, without a window.",
               "netwright-cli");
  app.set_version_flag("--version", "netwright-cli " NW_VERSION, "Show the version");
  app.set_help_flag("-h,--help", "Show this help");
  app.require_subcommand(1);
  app.footer("Each verb has its own --help, with an example.");
  for (const auto add : kVerbs) add(app);

  const bool json = asks_for_json(argc, argv);
  const int code = parse_and_run(app, argc, argv, json);
  switch (finish_output()) {
    case Output::Written:
      return code;
    case Output::ReaderGone:
      return code != 0 ? code : 128 + SIGPIPE;
    case Output::Failed:
      note("netwright-cli: standard output: " + output_error() + ". Not all results could be " +
           "written there; free some space or choose another place.\n");
      return code != 0 ? code : kFailure;
  }
  return kFailure;
}

}  // namespace nw::cli
