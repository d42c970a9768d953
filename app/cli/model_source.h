#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/codegen/expression.h"
#include "core/graph/model.h"
#include "core/nn/block.h"

namespace nw::cli {

/// A model that was just built, with the names of what goes in and comes out.
struct SourceModel {
  std::unique_ptr<nn::Module> module;
  std::vector<nn::Port> inputs;
  std::vector<std::string> outputs;     // torch's names; "output" alone for a chain
  const graph::Model* drawn = nullptr;  // the module, when it comes from a project: it has a loss
  codegen::Expression expression = {};  // otherwise: what it was built from
};

/// A model expression, and the file that holds it, if one does.
struct ModelText {
  std::string expression;
  std::string file;
};

/// The expression that `text` is or that the file of that name holds ("-": standard input); nothing
/// for a project file. Throws Error for what is neither.
std::optional<ModelText> model_text(const std::string& text);

/// Reads the expression. Throws Error with line and column, and the file.
codegen::Expression parse(const ModelText& text);

/// What a model takes and gives: the ports of its only block, or those of a chain.
std::vector<nn::Port> inputs_of(const codegen::Expression& model);
std::vector<std::string> outputs_of(const codegen::Expression& model);

/// In which layer of a chain the sizes of `inputs` do not fit, for an error's beginning: "layer
/// features.3 (line 2, column 5): "; empty when they fit, or for a model of one layer.
std::string misfit(const codegen::Expression& model, const Tensors& inputs);

/// Builds what `text` says, drawing initial weights in float32 from default_generator(): a project
/// file, a file with a model expression, or a model expression itself. Throws Error naming the
/// file, or line and column of the expression.
SourceModel build_source(const std::string& text);

}  // namespace nw::cli
