#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/curves.h"
#include "app/cli/interrupt.h"
#include "app/cli/output_folder.h"
#include "app/cli/overrides.h"
#include "app/cli/progress.h"
#include "app/cli/project.h"
#include "app/cli/run.h"
#include "app/cli/text.h"
#include "app/cli/threads.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/train/trainer.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

struct TrainOptions {
  std::string project;
  std::string folder;
  std::string checkpoint;  // a file to write
  std::string resume;      // a file to go on from
  Overrides overrides;
  bool json = false;
};

/// Shows the events of a run as they come and keeps what is needed at its end.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  void operator()(const train::Started& event) {
    started_ = event;
    if (json_) return;
    print(concat(grouped(event.train_samples), " samples to train, ",
                 grouped(event.validation_samples), " to validate, ", grouped(event.test_samples),
                 " to test; ", event.epochs, event.epochs == 1 ? " epoch of " : " epochs of ",
                 grouped(event.batches), event.batches == 1 ? " batch\n" : " batches\n"));
  }

  void operator()(const train::StepDone& event) {
    curves_.add(event);
    samples_per_second_ = event.samples_per_second;
    bar_.show(started_, event);
  }

  void operator()(const train::EpochDone& event) {
    curves_.add(event);
    epoch_ = event;
    bar_.clear();
    if (!json_) print(epoch_line(event));
  }

  void operator()(const train::Finished& event) {
    bar_.clear();
    finished_ = event;
  }

  void operator()(const train::Paused&) {}
  void operator()(const train::Resumed&) {}

  const train::Started& started() const { return started_; }
  const train::Finished& finished() const { return finished_; }
  const std::optional<train::EpochDone>& last_epoch() const { return epoch_; }
  double samples_per_second() const { return samples_per_second_; }
  const Curves& curves() const { return curves_; }

 private:
  std::string epoch_line(const train::EpochDone& event) const {
    std::string line =
        concat("epoch ", event.epoch, "/", started_.epochs, "  ", clock_text(event.seconds),
               "  train loss ", fixed(event.train_loss, 4));
    if (started_.classifies) line += " accuracy " + percent(event.train_accuracy);
    if (event.validation_loss) {
      line += "  validation loss " + fixed(*event.validation_loss, 4);
      if (event.validation_accuracy) line += " accuracy " + percent(*event.validation_accuracy);
    }
    return line + "\n";
  }

  bool json_;
  ProgressBar bar_;
  Curves curves_;
  train::Started started_;
  train::Finished finished_;
  std::optional<train::EpochDone> epoch_;
  double samples_per_second_ = 0;
};

std::string_view name(train::Outcome outcome) {
  switch (outcome) {
    case train::Outcome::Completed:
      return "completed";
    case train::Outcome::Stopped:
      return "stopped";
    case train::Outcome::Diverged:
      return "diverged";
    case train::Outcome::Failed:
      break;
  }
  return "failed";
}

template <typename T>
void put(Json& out, const char* key, const std::optional<T>& value) {
  if (value) out[key] = *value;
}

Json result_json(const Report& report, const LoadedProject& loaded, const OutputFolder& folder,
                 int64_t parameters) {
  const train::Finished& end = report.finished();
  Json out;
  if (!end.text.empty()) out["error"] = end.text;
  out["project"] = loaded.path;
  out["outcome"] = name(end.outcome);
  out["parameters"] = parameters;
  out["epochs"] = report.last_epoch() ? report.last_epoch()->epoch : 0;
  out["steps"] = end.step;
  out["batch_size"] = loaded.project.run.batch_size;
  out["seed"] = loaded.project.run.seed;
  out["train_seconds"] = end.seconds;
  out["samples_per_second"] = report.samples_per_second();
  if (const auto& epoch = report.last_epoch()) {
    out["train_loss"] = epoch->train_loss;
    if (report.started().classifies) out["train_accuracy"] = epoch->train_accuracy;
    put(out, "validation_loss", epoch->validation_loss);
    put(out, "validation_accuracy", epoch->validation_accuracy);
  }
  put(out, "test_loss", end.test_loss);
  put(out, "test_accuracy", end.test_accuracy);
  out["files"] = folder.files();
  return out;
}

void print_result(const Report& report, const OutputFolder& folder) {
  const train::Finished& end = report.finished();
  if (end.test_accuracy) print("test accuracy " + percent(*end.test_accuracy));
  if (end.test_loss) {
    print((end.test_accuracy ? "  loss " : "test loss ") + fixed(*end.test_loss, 4));
  }
  if (end.test_accuracy || end.test_loss) print("\n");
  print(concat(name(end.outcome), " after ", grouped(end.step), " steps in ",
               clock_text(end.seconds), "\n"));
  for (const std::string& file : folder.files()) print("wrote " + file + "\n");
}

void save(const train::Trainer& trainer, const Report& report, OutputFolder& folder) {
  if (report.curves().empty()) return;  // nothing was learned
  folder.save_weights(trainer.state_dict());
  folder.save_curves(report.curves().csv(report.started().classifies));
}

/// What `work` fails with, also as a note; empty: nothing. A run must not end because a checkpoint
/// cannot be written.
template <typename Work>
std::string problem_of(const Work& work) {
  try {
    work();
    return {};
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    note("netwright-cli: " + error.text() + "\n");
    return error.text();
  }
}

int exit_code(const train::Finished& end, int signal) {
  if (end.outcome == train::Outcome::Completed) return 0;
  if (end.outcome == train::Outcome::Stopped && signal != 0) return 128 + signal;
  return kFailure;
}

void train_project(const TrainOptions& options) {
  LoadedProject loaded = open_project(options.project);
  options.overrides.apply(loaded.project.run);
  const std::vector<std::string> problems = graph::problems_of(loaded.project.run);
  NW_CHECK(problems.empty(), options.project, ": ", problems.front());
  const graph::Inference inference = require_trainable(loaded);
  const std::string stem = std::filesystem::path(options.project).stem().string();
  OutputFolder folder(options.folder.empty() ? stem + "-run" : options.folder, stem);

  Report report(options.json);
  std::optional<train::Checkpoint> resume;
  if (!options.resume.empty()) resume = train::load_checkpoint(options.resume);
  train::Trainer* running = nullptr;
  std::string failure;  // of the last checkpoint
  const auto keep = [&] {
    const auto checkpoint = options.checkpoint.empty() ? std::nullopt : running->checkpoint();
    if (checkpoint) train::save_checkpoint(*checkpoint, options.checkpoint);
  };
  train::Trainer trainer(
      loaded.project,
      [&](const train::Event& event) {
        std::visit(report, event);
        if (std::holds_alternative<train::EpochDone>(event)) failure = problem_of(keep);
      },
      std::move(resume));
  running = &trainer;
  const Interrupt interrupt([&] { trainer.stop(); });
  trainer.run();
  save(trainer, report, folder);
  failure = problem_of(keep);

  const train::Finished& end = report.finished();
  if (!end.text.empty()) note("netwright-cli: " + options.project + ": " + end.text + "\n");
  if (options.json) {
    print(json_text(result_json(report, loaded, folder, inference.parameters)) + "\n");
  } else if (!report.curves().empty()) {
    print_result(report, folder);
  }
  if (const int code = exit_code(end, interrupt.signal())) throw CLI::RuntimeError(code);
  NW_CHECK(failure.empty(), failure);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("train", "Train a project and save its weights and curves");
  const auto options = std::make_shared<TrainOptions>();
  verb->add_option("PROJECT", options->project, "The project file (.netwright)")->required();
  verb->add_option("--out", options->folder,
                   "Folder for NAME.pt, NAME.safetensors and curves.csv (default: NAME-run)")
      ->type_name("DIR");
  verb->add_option("--checkpoint", options->checkpoint,
                   "Keep the whole run in this .pt file after each epoch and at the end")
      ->type_name("FILE");
  verb->add_option("--resume", options->resume,
                   "Go on from such a file, with the numbers that the run would have had")
      ->type_name("FILE");
  options->overrides.add_options(*verb);
  add_threads_option(*verb);
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "Options stand over the settings in the project. Ctrl+C stops after the batch and saves.\n"
      "curves.csv has a row for each batch: step, epoch, train_loss, train_accuracy, and, on the\n"
      "last row of an epoch, validation_loss and validation_accuracy.\n\n"
      "Examples:\n"
      "  netwright-cli train resources/examples/lenet.netwright --epochs 5 --out lenet-run\n"
      "  netwright-cli train lenet.netwright --epochs 9 --resume run.pt --checkpoint run.pt");
  verb->callback([options] { train_project(*options); });
}

}  // namespace nw::cli
