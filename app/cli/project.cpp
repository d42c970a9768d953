#include "app/cli/project.h"

#include <filesystem>

#include "app/cli/console.h"
#include "core/base/file.h"
#include "core/codegen/expression.h"
#include "core/io/state_file.h"

namespace nw::cli {
namespace {

/// A model alone says nothing of data and loss.
void refuse_model(const std::string& path) {
  std::error_code ignored;
  const bool file = std::filesystem::is_regular_file(path, ignored);
  constexpr uintmax_t kLargest = 1 << 20;
  if (file && std::filesystem::file_size(path, ignored) > kLargest) return;
  const std::string content = file ? read_file(path) : path;
  if (is_project_text(content) || content.find('(') == std::string::npos) return;
  try {
    codegen::parse_model(content);
  } catch (const Error&) {
    return;  // it is neither; what a project expects is told
  }
  throw Error(concat(file ? path + " holds" : "That is",
                     " a model expression, which names no data and no loss. Paste it into a "
                     "project, or use netwright-cli run with --input, --target and --loss"));
}

}  // namespace

bool is_project_text(const std::string& content) {
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string::npos && content[first] == '{';
}

LoadedProject open_project(const std::string& path) {
  LoadedProject loaded;
  loaded.path = path;
  refuse_model(path);
  loaded.project = graph::load_project(path);
  try {
    loaded.data = &graph::find_data(loaded.project.run.data, loaded.data_args);
  } catch (const Error& error) {
    throw Error(path + ": " + error.text());
  }
  loaded.signature = loaded.data->signature(loaded.data_args);
  return loaded;
}

std::string where_and_what(const graph::Graph& graph, const graph::Inference& inference,
                           const graph::Problem& problem) {
  const graph::Node* node = graph.find(problem.node);
  if (!node) return problem.text;
  std::string place = node->block;
  const auto info = inference.nodes.find(node->id);
  if (!node->name.empty()) {
    place += " " + node->name;
  } else if (info != inference.nodes.end() && !info->second.key.empty()) {
    place += " " + info->second.key;
  }
  return concat(place, " (node ", node->id, "): ", problem.text);
}

graph::Inference require_trainable(const LoadedProject& loaded, bool tells_warnings) {
  const graph::Graph& graph = loaded.project.graph;
  graph::Inference inference = graph::infer(graph, loaded.signature);
  std::string errors;
  for (const graph::Problem& problem : inference.problems) {
    const std::string line = where_and_what(graph, inference, problem);
    if (problem.severity == graph::Severity::Error) {
      errors += "\n  " + line;
    } else if (tells_warnings) {
      note(line + "\n");
    }
  }
  NW_CHECK(errors.empty(), loaded.path, ": the graph cannot be trained yet:", errors);
  return inference;
}

std::unique_ptr<graph::Model> model_with_weights(const LoadedProject& loaded,
                                                 const std::string& weights) {
  require_trainable(loaded);
  std::unique_ptr<graph::Model> model = graph::build(loaded.project.graph, loaded.signature);
  const nn::StateDict state = io::load_state_for(*model, weights);
  try {
    model->load_state_dict(state, true);
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat(weights, " does not fit the network of ", loaded.path, ":\n", error.text()));
  }
  return model;
}

}  // namespace nw::cli
