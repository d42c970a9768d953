#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/cli/console.h"
#include "app/cli/project.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"
#include "core/backend/creation.h"
#include "core/base/file.h"
#include "core/codegen/training_script.h"
#include "core/io/npy.h"
#include "core/io/state_file.h"

namespace nw::cli {
namespace {

struct ExportOptions {
  std::string project;
  std::string weights;
  std::string format;
  std::string output;
  bool json = false;
};

io::StateFormat chosen_format(const ExportOptions& options) {
  if (options.format == "pt") return io::StateFormat::Pt;
  if (options.format == "safetensors") return io::StateFormat::Safetensors;
  return io::format_of(options.output);
}

std::string_view name(io::StateFormat format) {
  return format == io::StateFormat::Pt ? "pt" : "safetensors";
}

/// All samples of a data set as two tensors.
void add_samples(const data::Dataset& dataset, const std::string& suffix, nn::StateDict& out) {
  const auto batch = [&](Dims sizes) {
    sizes.insert(0, dataset.size());
    return sizes;
  };
  std::vector<int64_t> order(static_cast<size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const Tensor x = empty(batch(dataset.sample_sizes()));
  const Tensor t = empty(batch(dataset.target_sizes()), dataset.target_dtype());
  dataset.read(order, x, t);
  out.entries.push_back({"x" + suffix, x});
  out.entries.push_back({"t" + suffix, t});
}

/// Python that reads the samples, from the files in which they are or else from one that is written
/// beside the script.
std::string data_code(const LoadedProject& loaded, const std::string& script,
                      std::vector<std::string>& written) {
  if (loaded.data->python != nullptr) return loaded.data->python(loaded.data_args);
  const data::Splits splits = loaded.data->load(loaded.data_args);
  nn::StateDict arrays;
  add_samples(*splits.train, "", arrays);
  if (splits.test != nullptr) add_samples(*splits.test, "_test", arrays);
  std::filesystem::path file(script);
  file.replace_filename(file.stem().string() + "-samples.npz");
  write_file_atomically(file.string(),
                        [&](const Append& append) { io::write_npz(arrays, append); });
  written.push_back(file.string());
  std::string name = file.filename().string();
  std::string code =
      concat("# Netwright drew these samples (", loaded.data->id, "); numpy.load reads ",
             "it.\nfolder = os.path.dirname(os.path.abspath(__file__))\n",
             "arrays = np.load(os.path.join(folder, \"", name, "\"))\n",
             "x, t = torch.from_numpy(arrays[\"x\"]), ", "torch.from_numpy(arrays[\"t\"])\n");
  return code + (splits.test == nullptr ? "x_test = t_test = None\n"
                                        : "x_test = torch.from_numpy(arrays[\"x_test\"])\n"
                                          "t_test = torch.from_numpy(arrays[\"t_test\"])\n");
}

void export_python(const ExportOptions& options) {
  const LoadedProject loaded = open_project(options.project);
  const std::vector<std::string> problems = graph::problems_of(loaded.project.run);
  NW_CHECK(problems.empty(), options.project, ": ", problems.front());
  require_trainable(loaded);
  std::vector<std::string> written{options.output};
  const std::string stem = std::filesystem::path(options.project).stem().string();
  const std::string script = codegen::training_script(loaded.project, loaded.signature, stem,
                                                      data_code(loaded, options.output, written));
  write_file_atomically(options.output, script);
  if (options.json) {
    nlohmann::ordered_json out{{"project", options.project}, {"output", options.output}};
    out["format"] = "python";
    out["files"] = written;
    print(json_text(out) + "\n");
    return;
  }
  for (const std::string& file : written) print("wrote " + file + "\n");
}

void export_weights(const ExportOptions& options) {
  const io::StateFormat format = chosen_format(options);
  const LoadedProject loaded = open_project(options.project);
  const std::unique_ptr<graph::Model> model = model_with_weights(loaded, options.weights);
  const nn::StateDict state = model->state_dict();
  io::save_state(state, options.output, format);

  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(options.output));
  if (options.json) {
    nlohmann::ordered_json out{{"project", options.project}, {"weights", options.weights}};
    out["output"] = options.output;
    out["format"] = name(format);
    out["tensors"] = state.entries.size();
    out["bytes"] = bytes;
    print(json_text(out) + "\n");
    return;
  }
  print(concat("wrote ", options.output, ": ", state.entries.size(), " tensors, ", grouped(bytes),
               " bytes, ", name(format), "\n"));
}

}  // namespace

void add_export(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "export", "Write a project's weights in another format, or the project as a PyTorch script");
  const auto options = std::make_shared<ExportOptions>();
  verb->add_option("PROJECT", options->project, "The project file (.netwright)")->required();
  verb->add_option("--weights", options->weights, "A .pt or .safetensors file of its weights")
      ->type_name("FILE");
  verb->add_option("--format", options->format,
                   "pt, safetensors or python (default: by the ending of -o)")
      ->check(CLI::IsMember({"pt", "safetensors", "python"}))
      ->type_name("FORMAT");
  verb->add_option("-o,--output", options->output, "The file to write")
      ->type_name("FILE")
      ->required();
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "A .py file trains the project in PyTorch: with the same seed it starts from the same "
      "weights,\n"
      "sees the same batches and prints the same loss at each step. It needs torch and numpy "
      "only;\n"
      "samples that are in no file are written beside it as .npz.\n"
      "The weights go through the project's network: keys and shapes must fit exactly.\n"
      "In Python: m.load_state_dict(torch.load(\"lenet.pt\", weights_only=True), strict=True)\n\n"
      "Example:\n"
      "  netwright-cli export lenet.netwright --weights lenet.safetensors --format pt -o lenet.pt\n"
      "  netwright-cli export lenet.netwright --format python -o train.py");
  verb->callback([options] {
    const bool script = options->format == "python" ||
                        (options->format.empty() && options->output.ends_with(".py"));
    if (!script && options->weights.empty()) throw CLI::RequiredError("--weights");
    script ? export_python(*options) : export_weights(*options);
  });
}

}  // namespace nw::cli
