#include "app/cli/project.h"

#include "app/cli/console.h"
#include "core/io/state_file.h"

namespace nw::cli {

LoadedProject open_project(const std::string& path) {
  LoadedProject loaded;
  loaded.path = path;
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

graph::Inference require_trainable(const LoadedProject& loaded) {
  const graph::Graph& graph = loaded.project.graph;
  graph::Inference inference = graph::infer(graph, loaded.signature);
  std::string errors;
  for (const graph::Problem& problem : inference.problems) {
    const std::string line = where_and_what(graph, inference, problem);
    if (problem.severity == graph::Severity::Error) {
      errors += "\n  " + line;
    } else {
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
