#pragma once

#include <memory>
#include <string>

#include "core/data/dataset.h"
#include "core/graph/infer.h"
#include "core/graph/model.h"
#include "core/graph/project.h"

namespace nw::cli {

/// A project file with what its data set says of itself. Value type.
struct LoadedProject {
  std::string path;
  graph::Project project;
  const data::DatasetSpec* data = nullptr;  // belongs to the registry
  nn::Args data_args;                       // complete
  data::Signature signature;
};

/// Whether the content of a file is that of a project, right or wrong, and no model expression.
bool is_project_text(const std::string& content);

/// Reads a project and the headers of its data. Throws Error naming file, place and remedy.
LoadedProject open_project(const std::string& path);

/// "Linear fc1: [Linear] expects 400 features …", so that a reader finds the block.
std::string where_and_what(const graph::Graph& graph, const graph::Inference& inference,
                           const graph::Problem& problem);

/// Throws Error listing every mistake of the graph, one on a line; warnings go to standard error
/// where they are wanted.
graph::Inference require_trainable(const LoadedProject& loaded, bool tells_warnings = true);

/// The model of the project holding the weights of a .pt or .safetensors file. Throws Error naming
/// the file and listing missing, unexpected and mismatched keys.
std::unique_ptr<graph::Model> model_with_weights(const LoadedProject& loaded,
                                                 const std::string& weights);

}  // namespace nw::cli
