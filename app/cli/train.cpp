#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>

#include "app/cli/command_reader.h"
#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "app/cli/output_folder.h"
#include "app/cli/overrides.h"
#include "app/cli/project.h"
#include "app/cli/rank_session.h"
#include "app/cli/run.h"
#include "app/cli/threads.h"
#include "app/cli/train_launch.h"
#include "app/cli/train_report.h"
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
  RankOptions ranks;
  bool json = false;
  bool events = false;
  bool paused = false;
};

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
  switch (end.outcome) {
    case train::Outcome::Completed:
      return 0;
    case train::Outcome::Stopped:  // without a signal, by a command
      return signal != 0 ? 128 + signal : 0;
    default:
      return kFailure;
  }
}

/// What ends a run, from any thread, also before there is a Trainer.
class Brake {
 public:
  void hold(train::Trainer& trainer) {
    const std::lock_guard lock(mutex_);
    trainer_ = &trainer;
    if (asked_) trainer.stop();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    asked_ = true;
    if (trainer_ != nullptr) trainer_->stop();
  }
  /// The same for one of several ranks: before that, the others may never come.
  void stop_or_exit() {
    {
      const std::lock_guard lock(mutex_);
      if (trainer_ == nullptr) _exit(128 + SIGINT);
    }
    stop();
  }

 private:
  std::mutex mutex_;
  train::Trainer* trainer_ = nullptr;
  bool asked_ = false;
};

/// One run in this process: alone, or as one of several ranks, of which the first one tells and
/// saves.
class Run {
 public:
  Run(const TrainOptions& options, LoadedProject loaded, int64_t parameters,
      std::optional<dist::Placement> place)
      : options_(options),
        loaded_(std::move(loaded)),
        parameters_(parameters),
        stem_(stem_of(options)),
        checkpoint_(checkpoint_of(options)),
        is_first_(!place || place->rank == 0),
        place_(std::move(place)),
        report_(shows()) {}

  static std::string stem_of(const TrainOptions& options) {
    return std::filesystem::path(options.project).stem().string();
  }
  static std::string folder_of(const TrainOptions& options) {
    return options.folder.empty() ? stem_of(options) + "-run" : options.folder;
  }
  /// Restarts need one.
  static std::string checkpoint_of(const TrainOptions& options) {
    if (!options.checkpoint.empty() || options.ranks.max_restarts() == 0) return options.checkpoint;
    return (std::filesystem::path(folder_of(options)) / (stem_of(options) + "-checkpoint.pt"))
        .string();
  }

  void go() {
    const Interrupt interrupt([&] { place_ ? brake_.stop_or_exit() : brake_.stop(); });
    if (place_) join();
    int code = 0;
    try {
      code = run_trainer(interrupt);
    } catch (const Error& error) {
      if (session_) session_->explain(error.text());
      throw;
    }
    if (code != 0) throw CLI::RuntimeError(code);
    NW_CHECK(failure_.empty(), failure_);
  }

 private:
  Report::Shows shows() const {
    if (!is_first_ || options_.events) return Report::Shows::Nothing;
    return options_.json ? Report::Shows::Progress : Report::Shows::Lines;
  }

  void join() {
    options_.ranks.share_threads(*place_);
    session_ = std::make_unique<RankSession>(options_.ranks, *place_, loaded_.project.run.device);
    session_->steer([this] { brake_.stop(); });
    loaded_.project.run.device = to_string(session_->device());
    if (shows() == Report::Shows::Lines) print(session_->description() + "\n");
    if (is_first_ && options_.events) print(train::to_line(session_->joined()));
  }

  std::optional<train::Checkpoint> start() const {
    const int restart = place_ ? place_->restart : 0;
    const std::string last = checkpoint_of_restart(checkpoint_, restart);
    const std::string& file = last.empty() ? options_.resume : last;
    if (!is_first_ || file.empty()) return {};
    return train::load_checkpoint(file);
  }

  void keep() {
    const auto checkpoint =
        checkpoint_.empty() || !is_first_ ? std::nullopt : trainer_->checkpoint();
    if (checkpoint) train::save_checkpoint(*checkpoint, checkpoint_);
  }

  void take(const train::Event& event) {
    std::visit(report_, event);
    if (std::holds_alternative<train::EpochDone>(event)) {
      failure_ = problem_of([this] { keep(); });
    }
    if (std::holds_alternative<train::Finished>(event)) return;  // told when all is saved
    if (is_first_ && options_.events) std::visit([](const auto& one) { tell(one); }, event);
  }
  template <typename T>
  static void tell(const T& event) {
    print(train::to_line(event));
  }

  int run_trainer(const Interrupt& interrupt) {
    if (is_first_) folder_.emplace(folder_of(options_), stem_);
    std::optional<train::Checkpoint> resume = start();
    resumed_ = resume.has_value();
    if (resume) report_.go_on(resume->curves);
    trainer_ = std::make_unique<train::Trainer>(
        loaded_.project, [this](const train::Event& event) { take(event); }, std::move(resume),
        session_ ? session_->group() : nullptr);
    brake_.hold(*trainer_);
    if (options_.paused && is_first_) trainer_->pause();
    {
      std::optional<CommandReader> commands;
      if (is_first_ && options_.events) commands.emplace(*trainer_);
      trainer_->run();
    }
    const std::optional<dist::Fault> fault = fault_of_ranks();
    if (!fault && is_first_) save();
    finish(fault);
    if (session_ && !fault) session_->conclude();
    return fault ? kFailure : exit_code(report_.finished(), interrupt.signal());
  }

  /// Nothing when the run came to an end of its own, on all ranks.
  std::optional<dist::Fault> fault_of_ranks() {
    if (!session_) return {};
    if (report_.finished().outcome == train::Outcome::Failed) {
      return session_->explain(report_.finished().text);
    }
    try {
      if (!session_->fault()) session_->meet();
    } catch (const Error& error) {
      return session_->explain(error.text());
    }
    return session_->fault();
  }

  bool learned() const { return resumed_ || !report_.curves().empty(); }

  void save() {
    if (learned()) {
      folder_->save_weights(trainer_->state_dict());
      if (report_.started().averages) {
        folder_->save_trained(trainer_->state_dict(train::Trainer::Weights::Trained));
      }
    }
    if (!report_.curves().empty()) {
      folder_->save_curves(report_.curves().csv(report_.started().classifies));
    }
    failure_ = problem_of([this] { keep(); });
  }

  void finish(const std::optional<dist::Fault>& fault) {
    train::Finished end = report_.finished();
    if (fault) {
      end.outcome = train::Outcome::Failed;
      end.text = fault->text();
      note(concat("netwright-cli: ", session_->who(), ": ", end.text, "\n"));
    } else if (!end.text.empty() && is_first_) {
      note("netwright-cli: " + options_.project + ": " + end.text + "\n");
    }
    if (!is_first_) return;
    if (options_.events) tell(end);
    if (options_.json) {
      Json out = result_json(report_, end, loaded_, *folder_, parameters_);
      if (session_) session_->describe(out);
      print(json_text(out) + "\n");
    } else if (!options_.events && !fault && learned()) {
      print_result(report_, *folder_);
    }
  }

  const TrainOptions& options_;
  LoadedProject loaded_;
  int64_t parameters_;
  std::string stem_;
  std::string checkpoint_;
  bool is_first_;
  std::optional<dist::Placement> place_;
  Report report_;
  Brake brake_;
  std::optional<OutputFolder> folder_;
  std::unique_ptr<train::Trainer> trainer_;
  std::unique_ptr<RankSession> session_;  // behind the trainer, which its thread may stop
  bool resumed_ = false;
  std::string failure_;  // of the last checkpoint
};

void train_project(const TrainOptions& options) {
  LoadedProject loaded = open_project(options.project);
  options.overrides.apply(loaded.project.run);
  const std::vector<std::string> problems = graph::problems_of(loaded.project.run);
  NW_CHECK(problems.empty(), options.project, ": ", problems.front());
  const std::optional<dist::Placement> place = options.ranks.placement();
  // Our launcher has told what there is to say of the graph.
  const bool told = place && (place->by == dist::StartedBy::Netwright || place->rank > 0);
  const graph::Inference inference = require_trainable(loaded, !told);
  if (options.ranks.launches(loaded.project.run.device)) {
    return launch_training(options.ranks, {loaded.project.run.device, Run::checkpoint_of(options),
                                           options.json, options.events});
  }
  Run(options, std::move(loaded), inference.parameters, place).go();
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
  options->ranks.add_options(*verb);
  auto* json = verb->add_flag("--json", options->json, "Print the result as one JSON object");
  auto* events =
      verb->add_flag(
              "--events", options->events,
              "Print what happens as lines of JSON; obey the lines pause, resume, stop and step "
              "on standard input")
          ->excludes(json);
  verb->add_flag("--paused", options->paused, "Wait for resume or step before the first batch")
      ->needs(events);
  verb->footer(
      "Options stand over the settings in the project. Ctrl+C stops after the batch and saves.\n"
      "curves.csv has a row for each batch: step, epoch, train_loss, train_accuracy, and, on the\n"
      "last row of an epoch, validation_loss and validation_accuracy; learning_rate is that of "
      "the\nbatch.\n"
      "With --ema-decay the average of the weights is validated, tested and saved in NAME.pt and\n"
      "NAME.safetensors; NAME-trained.pt holds the weights as the optimiser left them.\n"
      "Several processes share out every batch; Ctrl+Z holds all of them. Started by torchrun,\n"
      "mpirun or srun, this takes its rank and their number from the environment.\n\n"
      "Examples:\n"
      "  netwright-cli train resources/examples/lenet.netwright --epochs 5 --out lenet-run\n"
      "  netwright-cli train lenet.netwright --epochs 9 --resume run.pt --checkpoint run.pt\n"
      "  netwright-cli train lenet.netwright --optimizer \"SGD(lr=0.1, momentum=0.9)\" \\\n"
      "    --scheduler \"OneCycleLR(max_lr=0.1)\" --clip-norm 1 --ema-decay 0.99\n"
      "  netwright-cli train lenet.netwright --nproc-per-node 2 --max-restarts 3");
  verb->callback([options] { train_project(*options); });
}

}  // namespace nw::cli
