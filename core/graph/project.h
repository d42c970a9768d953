#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"
#include "core/graph/graph.h"
#include "core/nn/value.h"
#include "core/optim/schedule.h"

namespace nw::graph {

/// What project files are called: "lenet.netwright".
inline constexpr std::string_view kProjectExtension = ".netwright";

/// A chosen description and its arguments: which optimiser, which data set.
struct Choice {
  std::string id;
  nn::Args args;
  std::string extra = {};  // of one in a list: members of the file that this program does not know
  friend bool operator==(const Choice&, const Choice&) = default;
};

/// Settings of a Run. The loss is a block of the graph.
struct RunSettings {
  Choice data{"FashionMNIST", {}};
  Choice optimizer{"SGD", {}};
  std::vector<Choice> schedulers;  // of the learning rate, in their order; see optim::Schedule
  int64_t epochs = 5;
  int64_t batch_size = 64;
  double validation = 0.1;  // share of the training samples kept to validate, drawn by the seed
  int64_t seed = 0;
  std::string device = "cpu";
  std::string precision = "float32";  // or bfloat16, float16: of the ops that torch.autocast lowers
  bool allow_tf32 = false;            // torch.backends.cuda.matmul.allow_tf32
  // What an update does besides the optimiser; none: nothing.
  std::optional<int64_t> warmup;  // batches, see optim::warmup_item
  std::optional<double> clip_norm;
  std::optional<double> clip_value;
  std::optional<double> ema_decay;  // then the moving average of the weights is what is evaluated
  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

/// The document: one graph and how to train it. Saved as JSON with a stable order of keys.
struct Project {
  Graph graph;
  RunSettings run;
  /// Members of the file that this program does not know, saved back untouched: the text of a JSON
  /// object shaped like the file ({"run": {"note": 1}}); empty: none.
  std::string extra;
};

/// What RunSettings accept besides choices, for forms and checks, in the order of the form.
const nn::Description& run_settings_description();
/// Parts of it, which forms show in their own places.
enum class RunPart : uint8_t {
  Training,  // epochs, batch_size, validation, seed, device, precision, allow_tf32
  Rate,      // warmup
  Update,    // clip_norm, clip_value, ema_decay
};
const nn::Description& run_settings_description(RunPart part);
/// The settings as arguments of that description, and back.
nn::Args to_args(const RunSettings& settings);
void apply_args(const nn::Args& args, RunSettings& settings);

/// What is wrong with the settings, one sentence each: numbers out of range, an unknown optimiser,
/// data set or device, bad arguments. Looks at no file. Empty: nothing.
std::vector<std::string> problems_of(const RunSettings& settings);

/// What a chosen data set tells without reading its samples, or why it cannot tell.
struct DataStatus {
  data::Signature signature;  // without sizes when there is a problem
  std::string problem;        // names file, place and remedy; empty: none
};
DataStatus data_status(const Choice& choice);

/// The dtype of torch.autocast that the precision asks for; none: float32 throughout.
std::optional<DType> autocast_of(const RunSettings& settings);

/// The description and complete arguments of a choice. Throw Error for an unknown id and for bad
/// arguments.
const data::DatasetSpec& find_data(const Choice& choice, nn::Args& complete);
const optim::OptimizerSpec& find_optimizer(const Choice& choice, nn::Args& complete);
/// The schedulers of a run, the warm-up first. Throws Error for an unknown id and for bad
/// arguments.
std::vector<optim::ScheduleItem> find_schedule(const RunSettings& settings);
/// What is wrong with the schedulers, the warm-up or how they go together; empty: nothing.
std::string schedule_problem(const RunSettings& settings);

/// JSON text of a project: two-space indent, keys in a fixed order, arguments only where they
/// differ from the defaults, one trailing newline. Throws Error for a number that JSON cannot
/// write.
std::string to_json(const Project& project);
/// Reads it; throws Error naming `place` (a file), the JSON path, what was expected and what came.
/// Unknown blocks and unknown members are kept.
Project project_from_json(std::string_view text, std::string_view place);

/// Reads and writes files (atomically). Throw Error naming file, place and remedy.
Project load_project(const std::string& path);
void save_project(const Project& project, const std::string& path);

}  // namespace nw::graph
