#include "core/codegen/training_script.h"

#include <algorithm>

#include "core/codegen/python_code.h"
#include "core/codegen/update_code.h"
#include "core/nn/call.h"

namespace nw::codegen {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string head(const std::string& name, const PythonModel& model, const std::string& data_code) {
  const bool needs_gzip = data_code.find("gzip.") != data_code.npos;
  const bool needs_os = data_code.find("os.") != data_code.npos;
  return concat(
      "\"\"\"", name, ": the run that Netwright trains, in PyTorch.\n\n",
      "The same seed gives the same initial weights, the same batches and the same dropout masks\n",
      "(these under builds of PyTorch without MKL, as Debian's), so that the loss of each step "
      "is\n",
      "that of the run. Needs PyTorch and NumPy.\n\"\"\"\n\n", "import argparse\n",
      needs_gzip ? "import gzip\n" : "", needs_os ? "import os\n" : "",
      model.ordered_dict ? "from collections import OrderedDict\n" : "",
      "\nimport numpy as np\nimport torch\nfrom torch import nn\n",
      "from torch.utils.data import DataLoader, TensorDataset, random_split\n\n");
}

std::string settings(const graph::RunSettings& run, const UpdateCode& updates) {
  return concat("seed = ", run.seed, "\nepochs = ", run.epochs, "\nbatch_size = ", run.batch_size,
                "\nvalidation = ", nn::to_python(nn::Value(run.validation)),
                "  # share of the training samples\n", updates.settings, "\n",
                "parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])\n",
                "parser.add_argument(\"--steps\", type=int, help=\"stop after so many steps\")\n",
                "parser.add_argument(\"--save\", metavar=\"FILE\", help=\"write the weights at the "
                "end\")\noptions = parser.parse_args()\n\n");
}

/// The split is drawn from a generator of its own; then the model draws, and then each epoch.
constexpr const char* kSplit = R"(data = TensorDataset(x, t)
held_out = int(len(data) * validation)
train = data
x_validation = t_validation = None
if held_out > 0:
    generator = torch.Generator().manual_seed(seed)
    train, rest = random_split(data, [len(data) - held_out, held_out], generator)
    x_validation, t_validation = data[rest.indices]

torch.manual_seed(seed)
)";

std::string make_optimizer(const graph::RunSettings& run) {
  const optim::OptimizerSpec* spec = optim::optimizers().find(run.optimizer.id);
  NW_CHECK(spec != nullptr && !spec->torch_name.empty(), "[", run.optimizer.id,
           "] has no counterpart in PyTorch");
  auto arguments = nn::python_arguments(*spec, run.optimizer.args, "model.parameters()");
  for (std::string& argument : arguments) std::replace(argument.begin(), argument.end(), '\'', '"');
  return "optimizer = " + formatted_call("torch." + spec->torch_name, arguments, 0, 12) + "\n";
}

std::string lines(const UpdateCode::Lines& code, size_t indent) {
  std::string text;
  for (const std::string& line : code) text += std::string(indent, ' ') + line + "\n";
  return text;
}

/// The loss of one sample, whether the loss averages a batch or adds it up.
std::string run_model(const PythonModel& model, bool adds_up) {
  return concat(
      "\n\ndef run(model, inputs, targets):\n    \"\"\"What the model answers, and the loss of "
      "that.\"\"\"\n    ",
      joined(model.results), " = model(inputs)\n    return prediction, loss_fn(",
      joined(model.loss_arguments), ")\n", "\n\ndef per_sample(loss, count):\n",
      "    return loss.item()", adds_up ? " / count" : "", "\n");
}

std::string evaluation(bool classifies, const UpdateCode& updates) {
  const std::string& model = updates.evaluated;
  std::string text = concat(R"(

def evaluate(name, x, t):
    """Prints the mean loss of all samples. Draws no random numbers."""
    if x is None:
        return
    )",
                            model, R"(.eval()
    total = 0.0
)");
  if (classifies) text += "    right = 0\n";
  text += concat(R"(    with torch.no_grad():
        for begin in range(0, len(x), batch_size):
            inputs, targets = x[begin : begin + batch_size], t[begin : begin + batch_size]
            prediction, loss = run()",
                 model, R"(, inputs, targets)
            total += per_sample(loss, len(inputs)) * len(inputs)
)");
  if (classifies) text += "            right += (prediction.argmax(1) == targets).sum().item()\n";
  text += "    " + model + ".train()\n";
  text += classifies ? "    print(f\"{name} loss {total / len(x):.9g} accuracy {right / "
                       "len(x):.6g}\", flush=True)\n"
                     : "    print(f\"{name} loss {total / len(x):.9g}\", flush=True)\n";
  if (updates.needs_accuracy) {
    text += "    return total / len(x), right / len(x)\n";
  } else if (updates.needs_loss) {
    text += "    return total / len(x)\n";
  }
  return text;
}

std::string one_step(const UpdateCode& updates) {
  return concat("            optimizer.zero_grad()\n            _, loss = run(model, inputs, ",
                "targets)\n            loss.backward()\n", lines(updates.clip, 12),
                "            optimizer.step()\n");
}

/// For optimisers that look at several points of a batch; the loss is that of the first look.
std::string step_by_looks(const UpdateCode& updates) {
  return concat(R"(
            def look():
                optimizer.zero_grad()
                _, loss = run(model, inputs, targets)
                loss.backward()
)",
                lines(updates.clip, 16), R"(                return loss

            loss = optimizer.step(look)
)");
}

std::string training(const graph::RunSettings& run, const UpdateCode& updates) {
  const bool looks = optim::optimizers().find(run.optimizer.id)->needs_closure;
  const std::string samples = "DataLoader(train, batch_size, shuffle=True)";
  const std::string loop = updates.counts_batches
                               ? "batch, (inputs, targets) in enumerate(" + samples + ", start=1)"
                               : "inputs, targets in " + samples;
  const std::string figures = updates.needs_accuracy ? "validation_loss, validation_accuracy = "
                              : updates.needs_loss   ? "validation_loss = "
                                                     : "";
  return concat(
      "\n\ndef train_model():\n    step = 0\n    for epoch in range(1, epochs + 1):\n        for ",
      loop, ":\n            if step == options.steps:\n                return\n",
      looks ? step_by_looks(updates) : one_step(updates), lines(updates.after_batch, 12),
      R"(            step += 1
            print(f"step {step} loss {per_sample(loss, len(inputs)):.9g}", flush=True)
        )",
      figures,
      formatted_call("evaluate", {"f\"epoch {epoch} validation\"", "x_validation", "t_validation"},
                     8, 8 + figures.size()),
      "\n", lines(updates.after_epoch, 8), R"(

train_model()
evaluate("test", x_test, t_test)
if options.save:
    torch.save()",
      updates.kept, ".state_dict(), options.save)\n");
}

}  // namespace

std::string training_script(const graph::Project& project, const data::Signature& data,
                            const std::string& name, const std::string& data_code) {
  const graph::Structure structure = graph::analyze(project.graph);
  const graph::Inference inference = graph::infer(project.graph, data);
  for (const graph::Problem& problem : inference.problems) {
    NW_CHECK(problem.severity != graph::Severity::Error, problem.text);
  }
  const PythonModel model = python_model(project.graph, data);
  const nn::Args& loss_args = inference.nodes.at(structure.loss).args;
  const bool adds_up = loss_args.has("reduction") && loss_args.text("reduction") == "sum";
  const auto& asked = model.loss_arguments;
  const bool learns_targets = std::find(asked.begin(), asked.end(), "targets") != asked.end();
  const std::string definition = model.definition.empty() ? "" : "\n\n" + model.definition + "\n\n";
  const std::string gap = data_code.starts_with("def ") ? "\n" : "";
  const bool classifies = data.classes > 0 && data.target.empty() && learns_targets;
  const UpdateCode updates = update_code(project.run);
  NW_CHECK(classifies || !updates.needs_accuracy,
           "[run] a scheduler looks at the accuracy, of which this network has none");
  return head(name, model, data_code) + settings(project.run, updates) + gap + data_code +
         definition + (definition.empty() ? "\n" : "") + kSplit + "model = " + model.construction +
         "\nloss_fn = " + model.loss + "\n" + make_optimizer(project.run) + updates.setup +
         run_model(model, adds_up) + evaluation(classifies, updates) +
         training(project.run, updates);
}

}  // namespace nw::codegen
