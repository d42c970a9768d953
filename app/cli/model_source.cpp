#include "app/cli/model_source.h"

#include <filesystem>

#include "app/cli/project.h"
#include "core/base/file.h"
#include "core/codegen/expression.h"

namespace nw::cli {
namespace {

/// What a chain takes, whatever else its first layer could take.
nn::Port one_input() {
  nn::Port port;
  port.name = "input";
  return port;
}

SourceModel from_project(const std::string& path) {
  const LoadedProject loaded = open_project(path);
  require_trainable(loaded);
  SourceModel source;
  auto model = graph::build(loaded.project.graph, loaded.signature);
  source.drawn = model.get();
  source.module = std::move(model);
  source.inputs = {one_input()};
  source.outputs = {"output"};
  return source;
}

/// The block at the end of nested chains; null for an empty chain.
const nn::Block* last_block(const codegen::Expression& expression) {
  if (expression.block != nullptr || expression.items.empty()) return expression.block;
  return last_block(expression.items.back().second);
}

SourceModel from_expression(const std::string& text) {
  const codegen::Expression expression = codegen::parse_model(text);
  SourceModel source;
  source.module = codegen::build_module(expression);
  const nn::Block* last = last_block(expression);
  source.inputs = {one_input()};
  if (expression.block != nullptr) source.inputs = expression.block->inputs;
  if (last != nullptr) {
    for (const nn::Port& port : last->outputs) source.outputs.push_back(port.name);
  }
  if (source.outputs.empty()) source.outputs = {"output"};
  return source;
}

bool is_project(const std::string& content) {
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string::npos && content[first] == '{';
}

}  // namespace

SourceModel build_source(const std::string& text) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(text, ignored)) {
    NW_CHECK(text.find('(') != std::string::npos, text,
             ": there is no such file, and it is no model expression. Give a project, a file with "
             "a model, or a model such as \"nn.Linear(2, 1)\"");
    return from_expression(text);
  }
  const std::string content = read_file(text);
  if (is_project(content)) return from_project(text);
  try {
    return from_expression(content);
  } catch (const Error& error) {
    throw Error(text + ": " + error.text());
  }
}

}  // namespace nw::cli
