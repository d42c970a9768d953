#include "app/cli/model_source.h"

#include <filesystem>
#include <iostream>
#include <iterator>

#include "app/cli/project.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
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

/// `make` with the file in front of its errors.
template <typename Make>
auto in_file(const std::string& file, const Make& make) {
  if (file.empty()) return make();
  try {
    return make();
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    throw Error(file + ": " + error.text());
  }
}

/// All that standard input gives.
std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

struct Leaf {
  std::string key;
  const codegen::Expression* layer;
};

void collect(const codegen::Expression& model, const std::string& path, std::vector<Leaf>& out) {
  if (model.block != nullptr) out.push_back({path, &model});
  for (const auto& [name, item] : model.items) {
    collect(item, path.empty() ? name : path + "." + name, out);
  }
}

}  // namespace

std::optional<ModelText> model_text(const std::string& text) {
  constexpr std::string_view kRemedy =
      "Give a project, a file with a model, or a model such as \"nn.Linear(2, 1)\"";
  if (text == "-") return ModelText{read_standard_input(), "standard input"};
  std::error_code ignored;
  NW_CHECK(!std::filesystem::is_directory(text, ignored), text, ": is a folder. ", kRemedy);
  if (!std::filesystem::exists(text, ignored)) {
    NW_CHECK(text.find('(') != std::string::npos, "\"", text,
             "\": there is no such file, and it is no model expression. ", kRemedy);
    return ModelText{text, ""};
  }
  ModelText out{read_file(text), text};
  NW_CHECK(out.expression.find('\0') == std::string::npos, text, ": holds no text. ", kRemedy);
  if (is_project_text(out.expression)) return std::nullopt;
  return out;
}

std::string misfit(const codegen::Expression& model, const Tensors& inputs) {
  std::vector<Leaf> leaves;
  collect(model, "", leaves);
  if (leaves.size() < 2) return {};
  const Leaf* now = nullptr;
  const DeviceGuard meta(kMeta);
  const autograd::NoGrad no_gradients;
  try {
    const auto module = codegen::build_module(model);
    for (const Leaf& leaf : leaves) {
      module->get_submodule(leaf.key).register_forward_pre_hook(
          [&now, &leaf](nn::Module&, const Tensors&) -> std::optional<Tensors> {
            now = &leaf;
            return std::nullopt;
          });
    }
    Tensors stand_ins;
    for (const Tensor& input : inputs) {
      stand_ins.push_back(input.defined() ? empty(input.sizes(), input.dtype(), kMeta) : Tensor());
    }
    module->call(stand_ins);
  } catch (const Error&) {
    if (now == nullptr) return {};
    return concat("layer ", now->key, " (", nn::to_string(now->layer->place), "): ");
  }
  return {};
}

codegen::Expression parse(const ModelText& text) {
  return in_file(text.file, [&] { return codegen::parse_model(text.expression); });
}

std::vector<nn::Port> inputs_of(const codegen::Expression& model) {
  return model.block != nullptr ? model.block->inputs : std::vector<nn::Port>{one_input()};
}

std::vector<std::string> outputs_of(const codegen::Expression& model) {
  std::vector<std::string> names;
  const nn::Block* last = last_block(model);
  if (last != nullptr) {
    for (const nn::Port& port : last->outputs) names.push_back(port.name);
  }
  if (names.empty()) names = {"output"};
  return names;
}

SourceModel build_source(const std::string& text) {
  const std::optional<ModelText> given = model_text(text);
  if (!given) return from_project(text);
  const codegen::Expression expression = parse(*given);
  SourceModel source;
  source.module = in_file(given->file, [&] { return codegen::build_module(expression); });
  source.inputs = inputs_of(expression);
  source.outputs = outputs_of(expression);
  source.expression = expression;
  return source;
}

}  // namespace nw::cli
