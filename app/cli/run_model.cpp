#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/model_run.h"
#include "app/cli/text.h"
#include "app/cli/threads.h"
#include "app/cli/verbs.h"
#include "core/backend/creation.h"
#include "core/io/tensor_file.h"

namespace nw::cli {
namespace {

struct Options {
  ModelRun run;
  std::string output;
  bool json = false;
};

nlohmann::ordered_json as_json(const nn::StateDict& result, const Options& options) {
  nlohmann::ordered_json out{{"model", options.run.model}};
  if (const Tensor* loss = result.find("loss"); loss != nullptr && loss->numel() == 1) {
    out["loss"] = raw::to(*loss, DType::Float64).item();
  }
  if (!options.output.empty()) out["output"] = options.output;
  out["tensors"] = nlohmann::ordered_json::object();
  for (const auto& [key, tensor] : result.entries) {
    auto shape = nlohmann::ordered_json::array();
    for (int64_t size : tensor.sizes()) shape.push_back(size);
    out["tensors"][key] = {{"dtype", name(tensor.dtype())}, {"shape", std::move(shape)}};
  }
  return out;
}

std::string as_text(const nn::StateDict& result) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, tensor] : result.entries) {
    std::vector<std::string> row{key, std::string(name(tensor.dtype())), to_string(tensor.sizes()),
                                 ""};
    const bool shown = tensor.numel() == 1 && is_floating(tensor.dtype());
    if (shown) row[3] = concat(raw::to(tensor, DType::Float64).item());
    rows.push_back(std::move(row));
  }
  return table(rows, {Align::Left, Align::Left, Align::Left, Align::Left});
}

void run_and_show(const Options& options) {
  const nn::StateDict result = run_model(options.run);
  if (!options.output.empty()) io::save_tensors(result, options.output);
  print(options.json ? json_text(as_json(result, options)) + "\n" : as_text(result));
}

std::string whole_number(const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  return digits && !text.empty() ? "" : concat("expects a whole number of at least 0, gets ", text);
}

void add_model_options(CLI::App& verb, ModelRun& run) {
  verb.add_option(
          "MODEL", run.model,
          "A project, a file with a model expression (-: standard input), or the expression "
          "itself")
      ->required();
  verb.add_option(
          "--input", run.inputs,
          "What goes in: .npy, .npz or .safetensors; several tensors go by the names of the "
          "model's inputs, else by place")
      ->type_name("FILE")
      ->required();
  verb.add_option("--weights", run.weights, "A .pt or .safetensors file of its weights")
      ->type_name("FILE");
  verb.add_option("--seed", run.seed, "Draws the initial weights, in float32 (default: 0)")
      ->type_name("N");
  verb.add_option("--dtype", run.dtype,
                  "Converts model, inputs and targets after construction, as model.to(dtype) does")
      ->type_name("DTYPE");
  verb.add_option("--device", run.device, "cpu, cuda:0, … (default: cpu)")->type_name("DEVICE");
  verb.add_flag("--train", run.training, "Training mode: dropout drops, statistics run");
}

void add_learning_options(CLI::App& verb, ModelRun& run) {
  verb.add_option("--target", run.targets, "What the loss compares with: tensor files")
      ->type_name("FILE");
  verb.add_option("--loss", run.loss, "Such as \"nn.MSELoss(reduction='sum')\"")
      ->type_name("EXPRESSION");
  CLI::Option* const backward = verb.add_flag(
      "--backward", run.backward, "Gradients of the loss; without one, of the first output");
  verb.add_option("--grad-output", run.grad_output,
                  "With --backward: the gradient to start from (default: ones)")
      ->needs(backward)
      ->type_name("FILE");
  CLI::Option* const steps =
      verb.add_option("--steps", run.steps, "Updates of the weights, all on the same input")
          ->check(whole_number)
          ->type_name("N");
  verb.add_option("--optimizer", run.optimizer, "Such as \"optim.Adam(lr=1e-3)\"")
      ->needs(steps)
      ->type_name("EXPRESSION");
  verb.add_option("--scheduler", run.schedulers,
                  "Such as \"StepLR(step_size=5)\", stepped after each update; may be given more "
                  "than once")
      ->needs(steps)
      ->type_name("EXPRESSION")
      ->expected(1)
      ->take_all();
  verb.add_option("--clip-norm", run.clip_norm,
                  "Before each update shrinks all gradients together to at most this norm")
      ->needs(steps)
      ->type_name("X");
  verb.add_option("--clip-value", run.clip_value,
                  "Before each update holds each number of the gradients between -X and X")
      ->needs(steps)
      ->type_name("X");
}

}  // namespace

void add_run(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("run", "Run any model once, or some steps, on given tensors");
  const auto options = std::make_shared<Options>();
  add_model_options(*verb, options->run);
  add_learning_options(*verb, options->run);
  verb->add_option("-o,--output", options->output,
                   "Where to write the results: .safetensors, .npz or .pt")
      ->type_name("FILE");
  add_threads_option(*verb);
  verb->add_flag("--json", options->json, "Print names and shapes as one JSON object");
  verb->footer(
      "The file holds the outputs under PyTorch's names (output; h_n, …), loss, grad.input (of "
      "the\n"
      "first input; of several, grad.NAME each), grad.PARAMETER, initial.KEY (the state before) "
      "and\n"
      "state.KEY (after the run). With --steps the outputs, loss and gradients are those of the "
      "last\n"
      "step, before its update (clipped, where that is asked for); losses and learning_rates have "
      "those\nof each.\n\n"
      "Examples:\n"
      "  netwright-cli run \"nn.Conv2d(1, 6, 5, padding=2)\" --input x.npy --backward -o "
      "out.safetensors\n"
      "  netwright-cli run model.txt --input x.npz --target y.npy --loss \"nn.CrossEntropyLoss()\" "
      "\\\n"
      "    --steps 10 --optimizer \"optim.SGD(lr=0.1, momentum=0.9)\" --train -o out.safetensors");
  verb->callback([options] { run_and_show(*options); });
}

}  // namespace nw::cli
