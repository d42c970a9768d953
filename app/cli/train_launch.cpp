#include "app/cli/train_launch.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/launch.h"
#include "app/cli/run.h"
#include "core/base/error.h"
#include "core/train/event_lines.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

/// By which a restarted rank tells a checkpoint of this run from one that was there before.
constexpr const char* kOldCheckpoint = "NETWRIGHT_OLD_CHECKPOINT";

/// Differs once the file was written anew.
std::string identity_of(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return "none";
  return concat(info.st_ino, ":", info.st_mtim.tv_sec, ":", info.st_mtim.tv_nsec);
}

/// What rank 0 writes on its standard output, for programs that read ours.
class FirstRank {
 public:
  explicit FirstRank(const TrainLaunch& launch) : launch_(launch) {}

  void take(std::string_view line) {
    if (launch_.json) json_ += concat(line, "\n");
    if (launch_.events) forward(line);
  }
  void lost(const dist::Fault& fault) {
    if (launch_.events) print(train::to_line(train::RankLost{fault}));
  }
  void restart(int attempt) {
    json_.clear();
    finished_.reset();
    if (launch_.events) print(train::to_line(train::Restarting{attempt}));
  }
  /// Its result, or what there is to tell in its place.
  void finish(const dist::LaunchResult& result) {
    const std::string text = result.fault ? result.fault->text() : "";
    if (launch_.events) {
      train::Finished lost;
      lost.outcome = train::Outcome::Failed;
      lost.text = text;
      print(train::to_line(finished_.value_or(lost)));
    }
    if (!launch_.json) return;
    Json out = Json::parse(json_, nullptr, false);
    if (!out.is_object()) out = Json{{"error", text}};
    if (result.fault) {
      const dist::Fault& fault = *result.fault;
      out["fault"] = {{"rank", fault.rank},
                      {"host", fault.host},
                      {"device", fault.device},
                      {"cause", fault.cause}};
    }
    out["restarts"] = result.restarts;
    print(json_text(out) + "\n");
  }

 private:
  /// The end is told once it is clear that there is no restart; a rank that is killed may leave
  /// half a line.
  void forward(std::string_view line) {
    try {
      const train::RunEvent event = train::event_from_line(line);
      if (const auto* end = std::get_if<train::Finished>(&event)) {
        finished_ = *end;
      } else {
        print(concat(line, "\n"));
      }
    } catch (const Error& error) {
      note(concat("netwright-cli: rank 0 wrote: ", line.substr(0, 200), "\n"));
    }
  }

  const TrainLaunch& launch_;
  std::string json_;
  std::optional<train::Finished> finished_;
};

std::string restart_text(const TrainLaunch& launch, const std::string& old, int attempt, int most) {
  const bool has_checkpoint = identity_of(launch.checkpoint) != old;
  return concat("netwright-cli: starting all again ",
                has_checkpoint ? "from " + launch.checkpoint : "from the beginning", " (restart ",
                attempt, " of ", most, ")\n");
}

}  // namespace

std::string checkpoint_of_restart(const std::string& checkpoint, int restart) {
  if (restart == 0) return {};
  const std::string identity = identity_of(checkpoint);
  const bool is_new = identity != dist::environment_variable(kOldCheckpoint).value_or("none");
  return is_new ? checkpoint : "";
}

void launch_training(const RankOptions& ranks, const TrainLaunch& launch) {
  const std::string old = identity_of(launch.checkpoint);
  FirstRank first(launch);
  dist::LaunchOptions options = ranks.launch_options(launch.devices);
  options.variables = {{kOldCheckpoint, old}};
  options.passes_input = launch.events;
  options.captures_first = launch.json || launch.events;
  options.on_line = [&](int rank, bool is_error, std::string_view line) {
    if (rank == 0) return first.take(line);
    show_line(rank, is_error || launch.json || launch.events, line);
  };
  std::function<bool()> stopped = [] { return false; };
  options.on_fault = [&](const dist::Fault& fault) {
    if (stopped()) return;
    note(concat("netwright-cli: ", fault.text(), "\n"));
    first.lost(fault);
  };
  options.on_hold = [](const dist::Hold& hold, bool begins) {
    note(concat("netwright-cli: ", hold.text(),
                begins ? "; this node waits until it goes on\n" : ", and goes on now\n"));
  };
  options.on_restart = [&](int attempt) {
    note(restart_text(launch, old, attempt, ranks.max_restarts()));
    first.restart(attempt);
  };
  dist::Launcher launcher(std::move(options));
  const Interrupt interrupt([&] { launcher.stop(); }, [&] { launcher.hold(); });
  stopped = [&] { return interrupt.signal() != 0; };
  const dist::LaunchResult result = launcher.run();
  first.finish(result);
  if (interrupt.signal() != 0) throw CLI::RuntimeError(128 + interrupt.signal());
  if (result.exit_code != 0) throw CLI::RuntimeError(result.exit_code);
}

}  // namespace nw::cli
