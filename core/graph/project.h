#pragma once

#include <string>

#include "core/graph/graph.h"
#include "core/nn/value.h"

namespace nw::graph {

/// A chosen description and its arguments: which optimiser, which data set.
struct Choice {
  std::string id;
  nn::Args args;
  friend bool operator==(const Choice&, const Choice&) = default;
};

/// Settings of a Run. The loss is a block of the graph.
struct RunSettings {
  Choice data{"FashionMNIST", {}};
  Choice optimizer{"SGD", {}};
  int64_t epochs = 5;
  int64_t batch_size = 64;
  double validation = 0.1;  // share of the training samples kept to validate, drawn by the seed
  int64_t seed = 0;
  std::string device = "cpu";
  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

/// The document: one graph and how to train it. Saved as JSON with a stable order of keys.
struct Project {
  Graph graph;
  RunSettings run;
  /// Members of the file that this program does not know (JSON text), saved back untouched.
  std::string extra;
};

/// What RunSettings accept, for forms and checks, in the order of the form: epochs, batch_size,
/// validation, seed, device.
const nn::Description& run_settings_description();
/// The settings as arguments of that description, and back.
nn::Args to_args(const RunSettings& settings);
void apply_args(const nn::Args& args, RunSettings& settings);

/// JSON text of a project: two-space indent, keys in a fixed order, one trailing newline.
std::string to_json(const Project& project);
/// Reads it; throws Error naming `place` (a file), the JSON path, what was expected and what came.
/// Unknown blocks and unknown members are kept.
Project project_from_json(std::string_view text, std::string_view place);

/// Reads and writes files (atomically). Throw Error naming file, place and remedy.
Project load_project(const std::string& path);
void save_project(const Project& project, const std::string& path);

}  // namespace nw::graph
