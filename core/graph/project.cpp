#include "core/graph/project.h"

#include "core/backend/backend.h"
#include "core/base/file.h"

namespace nw::graph {
namespace {

using nn::Param;
using nn::ParamType;

nn::Description describe_run_settings() {
  nn::Description run;
  run.id = "run";
  run.summary = "How the network is trained.";
  run.params = {
      Param{.name = "epochs",
            .type = ParamType::Int,
            .fallback = int64_t{5},
            .help = "How often the training goes through all training samples.",
            .min = 1,
            .max = 100000},
      Param{.name = "batch_size",
            .type = ParamType::Int,
            .fallback = int64_t{64},
            .help = "Samples that the network sees before each update of its weights.",
            .min = 1,
            .max = 1e6,
            .unit = "samples"},
      Param{.name = "validation",
            .type = ParamType::Real,
            .fallback = 0.1,
            .help =
                "Share of the training samples that is kept to validate after each epoch, drawn "
                "by the seed.",
            .min = 0,
            .max = 1,
            .max_exclusive = true},
      Param{.name = "seed",
            .type = ParamType::Int,
            .fallback = int64_t{0},
            .help = "Start of all random draws: the same seed gives the same numbers.",
            .min = 0},
      Param{.name = "device",
            .type = ParamType::Text,
            .fallback = std::string("cpu"),
            .help = "Where the network is trained: cpu, or cuda:0 for the first graphics card."},
  };
  return run;
}

/// Why training cannot run on `device`; empty when it can.
std::string device_problem(const std::string& device) {
  try {
    const Device chosen = device_from_string(device);
    NW_CHECK(chosen.type != DeviceType::Meta,
             "[run] device expects one with numbers, such as cpu, gets meta");
    backend_of(chosen);
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

template <typename Spec>
const Spec& find_spec(const nn::Registry<Spec>& registry, const Choice& choice,
                      std::string_view what, nn::Args& complete) {
  const Spec* spec = registry.find(choice.id);
  if (spec == nullptr) {
    std::string known;
    for (const Spec& item : registry.all()) known += (known.empty() ? "" : ", ") + item.id;
    throw Error(concat("[run] the ", what, " \"", choice.id,
                       "\" is unknown to this program; it knows ", known));
  }
  const std::vector<std::string> problems = spec->problems(choice.args);
  if (!problems.empty()) throw Error(problems.front());
  complete = spec->complete(choice.args);
  return *spec;
}

}  // namespace

const nn::Description& run_settings_description() {
  static const nn::Description description = describe_run_settings();
  return description;
}

nn::Args to_args(const RunSettings& settings) {
  return {{"epochs", settings.epochs},
          {"batch_size", settings.batch_size},
          {"validation", settings.validation},
          {"seed", settings.seed},
          {"device", settings.device}};
}

void apply_args(const nn::Args& args, RunSettings& settings) {
  if (args.has("epochs")) settings.epochs = args.integer("epochs");
  if (args.has("batch_size")) settings.batch_size = args.integer("batch_size");
  if (args.has("validation")) settings.validation = args.real("validation");
  if (args.has("seed")) settings.seed = args.integer("seed");
  if (args.has("device")) settings.device = args.text("device");
}

const data::DatasetSpec& find_data(const Choice& choice, nn::Args& complete) {
  return find_spec(data::datasets(), choice, "data set", complete);
}

const optim::OptimizerSpec& find_optimizer(const Choice& choice, nn::Args& complete) {
  return find_spec(optim::optimizers(), choice, "optimizer", complete);
}

std::vector<std::string> problems_of(const RunSettings& settings) {
  std::vector<std::string> problems = run_settings_description().problems(to_args(settings));
  const std::string device = device_problem(settings.device);
  if (!device.empty()) problems.push_back(device);
  nn::Args complete;
  try {
    find_data(settings.data, complete);
  } catch (const Error& error) {
    problems.push_back(error.text());
  }
  try {
    find_optimizer(settings.optimizer, complete);
  } catch (const Error& error) {
    problems.push_back(error.text());
  }
  return problems;
}

DataStatus data_status(const Choice& choice) {
  try {
    nn::Args args;
    return {find_data(choice, args).signature(args), {}};
  } catch (const Error& error) {
    return {{}, error.text()};
  }
}

Project load_project(const std::string& path) {
  return project_from_json(read_file(path), path);
}

void save_project(const Project& project, const std::string& path) {
  write_file_atomically(path, to_json(project));
}

}  // namespace nw::graph
