#include "core/graph/project.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/file.h"
#include "core/graph/devices.h"

namespace nw::graph {
namespace {

using nn::Param;
using nn::ParamType;

std::vector<Param> training_params() {
  return {
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
            .help = "Where the network is trained: cpu, or cuda:0 for the first graphics card; one "
                    "process for each of several: cpu*4, or cuda:0, cuda:1."},
      Param{.name = "precision",
            .type = ParamType::Choice,
            .fallback = std::string("float32"),
            .help = "Numbers of 16 bits, where they do no harm, are faster on graphics cards and "
                    "take half the memory; weights stay float32. float16 scales the loss so that "
                    "small gradients do not vanish.",
            .choices = {"float32", "bfloat16", "float16"}},
      Param{.name = "allow_tf32",
            .type = ParamType::Bool,
            .fallback = false,
            .help = "Matrix products of float32 numbers on graphics cards round them to 19 bits, "
                    "which is several times as fast."},
  };
}

std::vector<Param> rate_params() {
  return {Param{.name = "warmup",
                .type = ParamType::Int,
                .fallback = nn::None{},
                .help = "Warm-up: the learning rate rises evenly to its height over the first "
                        "batches.",
                .min = 1,
                .max = 1e9,
                .unit = "batches",
                .optional = true}};
}

std::vector<Param> update_params() {
  return {Param{.name = "clip_norm",
                .type = ParamType::Real,
                .fallback = nn::None{},
                .help = "Shrinks the gradients of all weights together to at most this norm.",
                .min = 0,
                .min_exclusive = true,
                .optional = true},
          Param{.name = "clip_value",
                .type = ParamType::Real,
                .fallback = nn::None{},
                .help = "Holds each number of the gradients between minus this and this.",
                .min = 0,
                .min_exclusive = true,
                .optional = true},
          Param{.name = "ema_decay",
                .type = ParamType::Real,
                .fallback = nn::None{},
                .help = "Averages the weights: the share of the past in the mean after each batch, "
                        "such as 0.99. The averaged weights are validated, tested and saved.",
                .min = 0,
                .max = 1,
                .max_exclusive = true,
                .optional = true}};
}

nn::Description described(std::vector<Param> params) {
  nn::Description run;
  run.id = "run";
  run.summary = "How the network is trained.";
  run.params = std::move(params);
  return run;
}

nn::Description describe_run_settings() {
  std::vector<Param> all = training_params();
  for (std::vector<Param> part : {rate_params(), update_params()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return described(std::move(all));
}

template <typename T>
nn::Value value_of(const std::optional<T>& setting) {
  return setting ? nn::Value(*setting) : nn::Value(nn::None{});
}

/// Why training cannot run on the devices that `setting` names; empty when it can.
std::string device_problem(const std::string& setting) {
  try {
    for (const Device device : devices_of(setting)) backend_of(device);
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

const nn::Description& run_settings_description(RunPart part) {
  static const nn::Description training = described(training_params());
  static const nn::Description rate = described(rate_params());
  static const nn::Description update = described(update_params());
  return part == RunPart::Training ? training : part == RunPart::Rate ? rate : update;
}

nn::Args to_args(const RunSettings& settings) {
  return {{"epochs", settings.epochs},
          {"batch_size", settings.batch_size},
          {"validation", settings.validation},
          {"seed", settings.seed},
          {"device", settings.device},
          {"precision", settings.precision},
          {"allow_tf32", settings.allow_tf32},
          {"warmup", value_of(settings.warmup)},
          {"clip_norm", value_of(settings.clip_norm)},
          {"clip_value", value_of(settings.clip_value)},
          {"ema_decay", value_of(settings.ema_decay)}};
}

void apply_args(const nn::Args& args, RunSettings& settings) {
  if (args.has("epochs")) settings.epochs = args.integer("epochs");
  if (args.has("batch_size")) settings.batch_size = args.integer("batch_size");
  if (args.has("validation")) settings.validation = args.real("validation");
  if (args.has("seed")) settings.seed = args.integer("seed");
  if (args.has("device")) settings.device = args.text("device");
  if (args.has("precision")) settings.precision = args.text("precision");
  if (args.has("allow_tf32")) settings.allow_tf32 = args.boolean("allow_tf32");
  if (args.has("warmup")) {
    settings.warmup.reset();
    if (!args.is_none("warmup")) settings.warmup = args.integer("warmup");
  }
  const std::pair<const char*, std::optional<double> RunSettings::*> updates[] = {
      {"clip_norm", &RunSettings::clip_norm},
      {"clip_value", &RunSettings::clip_value},
      {"ema_decay", &RunSettings::ema_decay}};
  for (const auto& [name, member] : updates) {
    if (!args.has(name)) continue;
    (settings.*member).reset();
    if (!args.is_none(name)) settings.*member = args.real(name);
  }
}

std::optional<DType> autocast_of(const RunSettings& settings) {
  if (settings.precision == "float32") return {};
  return dtype_from_name(settings.precision);
}

const data::DatasetSpec& find_data(const Choice& choice, nn::Args& complete) {
  return find_spec(data::datasets(), choice, "data set", complete);
}

const optim::OptimizerSpec& find_optimizer(const Choice& choice, nn::Args& complete) {
  return find_spec(optim::optimizers(), choice, "optimizer", complete);
}

std::vector<optim::ScheduleItem> find_schedule(const RunSettings& settings) {
  std::vector<optim::ScheduleItem> items;
  if (settings.warmup) items.push_back(optim::warmup_item(*settings.warmup));
  for (const Choice& choice : settings.schedulers) {
    nn::Args complete;
    const auto& spec = find_spec(optim::schedulers(), choice, "scheduler", complete);
    items.push_back({&spec, choice.args, spec.step_at});
  }
  return items;
}

std::string schedule_problem(const RunSettings& settings) {
  try {
    const std::vector<optim::ScheduleItem> items = find_schedule(settings);
    if (items.empty()) return {};
    const bool validates = settings.validation > 0;
    for (const optim::ScheduleItem& item : items) {
      NW_CHECK(!item.spec->needs_metric || validates, "[", item.spec->id,
               "] looks at the validation, of which this run has none; set validation above 0");
    }
    nn::Args args;
    const optim::OptimizerSpec& spec = find_optimizer(settings.optimizer, args);
    // Tried on one weight; how many batches there are does not matter for what may go wrong.
    constexpr int64_t kBatches = 1000;
    const auto optimizer = spec.make({zeros({1}).set_requires_grad()}, args);
    const optim::Schedule schedule(items, *optimizer, {settings.epochs, kBatches});
  } catch (const Error& error) {
    return error.text();
  }
  return {};
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
    const optim::OptimizerSpec& optimizer = find_optimizer(settings.optimizer, complete);
    if (optimizer.needs_closure && settings.precision == "float16") {
      problems.push_back(concat("[run] ", optimizer.id,
                                " looks at several points in a step, which ",
                                "the scaling of the loss for float16 cannot go along with; choose ",
                                "the precision bfloat16"));
    }
  } catch (const Error& error) {
    problems.push_back(error.text());
    return problems;  // schedulers are of no use without it
  }
  const std::string schedule = schedule_problem(settings);
  if (!schedule.empty()) problems.push_back(schedule);
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
