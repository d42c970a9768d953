#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/project.h"
#include "app/cli/text.h"
#include "app/cli/threads.h"
#include "app/cli/verbs.h"
#include "core/train/evaluate.h"

namespace nw::cli {
namespace {

struct EvalOptions {
  std::string project;
  std::string weights;
  bool json = false;
};

void evaluate_weights(const EvalOptions& options) {
  const LoadedProject loaded = open_project(options.project);
  const std::unique_ptr<graph::Model> model = model_with_weights(loaded, options.weights);
  const data::Splits splits = loaded.data->load(loaded.data_args);
  NW_CHECK(splits.test && splits.test->size() > 0, options.project, ": run.data: ", loaded.data->id,
           " has no samples kept for the test. Choose a data set with a test part.");

  const auto start = std::chrono::steady_clock::now();
  const train::Evaluation result =
      train::evaluate(*model, *splits.test, loaded.project.run.batch_size);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool classifies = loaded.signature.classes > 0 && model->learns_targets();

  if (options.json) {
    nlohmann::ordered_json out{{"project", options.project}, {"weights", options.weights}};
    out["test_loss"] = result.loss;
    if (classifies) out["test_accuracy"] = result.accuracy;
    out["samples"] = result.samples;
    out["eval_seconds"] = seconds;
    out["samples_per_second"] = static_cast<double>(result.samples) / seconds;
    print(json_text(out) + "\n");
    return;
  }
  if (classifies) print("test accuracy " + percent(result.accuracy) + "  ");
  print(concat(classifies ? "loss " : "test loss ", fixed(result.loss, 4), "  (",
               grouped(result.samples), " samples in ", fixed(seconds, 2), " s)\n"));
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("eval", "Test weights on the test part of the data set");
  const auto options = std::make_shared<EvalOptions>();
  verb->add_option("PROJECT", options->project, "The project file (.netwright)")->required();
  verb->add_option("--weights", options->weights, "A .pt or .safetensors file of its weights")
      ->type_name("FILE")
      ->required();
  add_threads_option(*verb);
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "Example:\n"
      "  netwright-cli eval resources/examples/lenet.netwright --weights lenet-run/lenet.pt");
  verb->callback([options] { evaluate_weights(*options); });
}

}  // namespace nw::cli
