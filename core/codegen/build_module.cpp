#include "core/codegen/expression.h"
#include "core/nn/call.h"
#include "core/nn/containers.h"
#include "core/nn/init.h"

namespace nw::codegen {
namespace {

std::unique_ptr<nn::Module> build_layer(const Expression& layer) {
  std::optional<nn::DTypeGuard> guard;
  if (layer.dtype) guard.emplace(*layer.dtype);
  try {
    return layer.block->make(layer.block->complete(layer.args));
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    nn::fail_at(layer.place, error.text());
  }
}

/// Whether torch would give the items these names itself.
bool counts(const Expression& sequential) {
  for (size_t i = 0; i < sequential.items.size(); ++i) {
    if (sequential.items[i].first != std::to_string(i)) return false;
  }
  return true;
}

std::string layer_to_python(const Expression& layer) {
  std::string text = nn::python_call(*layer.block, layer.args);
  if (!layer.dtype) return text;
  text.pop_back();
  text += concat(text.ends_with("(") ? "" : ", ", "dtype=torch.", name(*layer.dtype), ")");
  return text;
}

}  // namespace

std::unique_ptr<nn::Module> build_module(const Expression& expression) {
  if (expression.block != nullptr) return build_layer(expression);
  auto out = std::make_unique<nn::Sequential>();
  for (const auto& [name, item] : expression.items) {
    out->add_module(name, std::shared_ptr<nn::Module>(build_module(item)));
  }
  return out;
}

std::string to_python(const Expression& expression) {
  if (expression.block != nullptr) return layer_to_python(expression);
  const bool plain = counts(expression);
  std::string text;
  for (const auto& [name, item] : expression.items) {
    const std::string layer = to_python(item);
    text += text.empty() ? "" : ", ";
    text += plain ? layer : concat("(", nn::to_python(nn::Value(name)), ", ", layer, ")");
  }
  return plain ? "nn.Sequential(" + text + ")" : "nn.Sequential(OrderedDict([" + text + "]))";
}

}  // namespace nw::codegen
