#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/project.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"
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
      "export", "Check weights against a project and write them in another format");
  const auto options = std::make_shared<ExportOptions>();
  verb->add_option("PROJECT", options->project, "The project file (.netwright)")->required();
  verb->add_option("--weights", options->weights, "A .pt or .safetensors file of its weights")
      ->type_name("FILE")
      ->required();
  verb->add_option("--format", options->format, "pt or safetensors (default: by the ending of -o)")
      ->check(CLI::IsMember({"pt", "safetensors"}))
      ->type_name("FORMAT");
  verb->add_option("-o,--output", options->output, "The file to write")
      ->type_name("FILE")
      ->required();
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "The weights go through the project's network: keys and shapes must fit exactly.\n"
      "In Python: m.load_state_dict(torch.load(\"lenet.pt\", weights_only=True), strict=True)\n\n"
      "Example:\n"
      "  netwright-cli export lenet.netwright --weights lenet.safetensors --format pt -o lenet.pt");
  verb->callback([options] { export_weights(*options); });
}

}  // namespace nw::cli
