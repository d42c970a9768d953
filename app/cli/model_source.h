#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/graph/model.h"
#include "core/nn/block.h"

namespace nw::cli {

/// A model that was just built, with the names of what goes in and comes out.
struct SourceModel {
  std::unique_ptr<nn::Module> module;
  std::vector<nn::Port> inputs;
  std::vector<std::string> outputs;     // torch's names; "output" alone for a chain
  const graph::Model* drawn = nullptr;  // the module, when it comes from a project: it has a loss
};

/// Builds what `text` says, drawing initial weights in float32 from default_generator(): a project
/// file, a file with a model expression, or a model expression itself. Throws Error naming the
/// file, or line and column of the expression.
SourceModel build_source(const std::string& text);

}  // namespace nw::cli
