#include "app/cli/train_report.h"

#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/text.h"
#include "core/base/error.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

void Report::operator()(const train::Started& event) {
  started_ = event;
  if (shows_ != Shows::Lines) return;
  print(concat(grouped(event.train_samples), " samples to train, ",
               grouped(event.validation_samples), " to validate, ", grouped(event.test_samples),
               " to test; ", event.epochs, event.epochs == 1 ? " epoch of " : " epochs of ",
               grouped(event.batches), event.batches == 1 ? " batch\n" : " batches\n"));
  if (event.averages) print("validated, tested and saved: the average of the weights\n");
}

void Report::operator()(const train::StepDone& event) {
  curves_.add(event);
  samples_per_second_ = event.samples_per_second;
  learning_rate_ = event.learning_rate;
  if (shows_ != Shows::Nothing) bar_.show(started_, event);
}

void Report::operator()(const train::EpochDone& event) {
  curves_.add(event);
  epoch_ = event;
  bar_.clear();
  if (shows_ != Shows::Lines) return;
  print(epoch_line(event));
  if (!event.note.empty()) print(event.note + "\n");
}

void Report::operator()(const train::Finished& event) {
  bar_.clear();
  finished_ = event;
}

std::string Report::epoch_line(const train::EpochDone& event) const {
  std::string line = concat("epoch ", event.epoch, "/", started_.epochs, "  ",
                            clock_text(event.seconds), "  train loss ", fixed(event.train_loss, 4));
  if (started_.classifies) line += " accuracy " + percent(event.train_accuracy);
  if (event.validation_loss) {
    line += "  validation loss " + fixed(*event.validation_loss, 4);
    if (event.validation_accuracy) line += " accuracy " + percent(*event.validation_accuracy);
  }
  if (started_.schedules) line += "  lr " + concat(learning_rate_);
  return line + "\n";
}
nlohmann::ordered_json result_json(const Report& report, const train::Finished& end,
                                   const LoadedProject& loaded, const OutputFolder& folder,
                                   int64_t parameters) {
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
  out["learning_rate"] = report.learning_rate();
  out["averaged_weights"] = report.started().averages;
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

}  // namespace nw::cli
