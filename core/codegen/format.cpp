#include <algorithm>

#include "core/codegen/python_code.h"
#include "core/nn/call.h"

namespace nw::codegen {
namespace {

constexpr size_t kColumns = 88;  // black's
constexpr size_t kStep = 4;

std::string spaces(size_t count) {
  return std::string(count, ' ');
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

/// Python text as black writes it, in double quotes.
std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::string formatted_layer(const Expression& layer, size_t indent, size_t column) {
  auto arguments = nn::python_arguments(*layer.block, layer.args);
  if (layer.dtype) arguments.push_back(concat("dtype=torch.", name(*layer.dtype)));
  for (std::string& argument : arguments) {
    // Words that are arguments hold no quotes themselves.
    std::replace(argument.begin(), argument.end(), '\'', '"');
  }
  return formatted_call(layer.block->torch_name, arguments, indent, column);
}

bool counts(const Expression& sequential) {
  for (size_t i = 0; i < sequential.items.size(); ++i) {
    if (sequential.items[i].first != std::to_string(i)) return false;
  }
  return true;
}

std::string formatted_items(const Expression& sequential, size_t indent) {
  std::string text;
  for (const auto& [name, item] : sequential.items) {
    text += spaces(indent) + formatted(item, indent, indent) + ",\n";
  }
  return text;
}

/// ("conv1", nn.Conv2d(…)), or over lines where that is too long.
std::string formatted_pair(const std::string& name, const Expression& item, size_t indent) {
  const std::string head = "(" + quoted(name) + ", ";
  const std::string short_form = formatted(item, indent, indent + head.size() + 1);
  if (short_form.find('\n') == short_form.npos) return head + short_form + ")";
  const size_t inner = indent + kStep;
  return "(\n" + spaces(inner) + quoted(name) + ",\n" + spaces(inner) +
         formatted(item, inner, inner) + ",\n" + spaces(indent) + ")";
}

}  // namespace

std::string formatted_call(const std::string& name, const std::vector<std::string>& arguments,
                           size_t indent, size_t column) {
  const std::string line = name + "(" + joined(arguments) + ")";
  // A comma may follow.
  if (column + line.size() + 1 <= kColumns || arguments.empty()) return line;
  std::string text = name + "(\n";
  const std::string all = joined(arguments);
  if (indent + kStep + all.size() <= kColumns) {
    text += spaces(indent + kStep) + all + "\n";
  } else {
    for (const std::string& argument : arguments) {
      text += spaces(indent + kStep) + argument + ",\n";
    }
  }
  return text + spaces(indent) + ")";
}

std::string formatted(const Expression& expression, size_t indent, size_t column) {
  if (expression.block != nullptr) return formatted_layer(expression, indent, column);
  if (expression.items.empty()) return "nn.Sequential()";
  if (counts(expression)) {
    return "nn.Sequential(\n" + formatted_items(expression, indent + kStep) + spaces(indent) + ")";
  }
  const size_t inner = indent + 3 * kStep;
  std::string pairs;
  for (const auto& [name, item] : expression.items) {
    pairs += spaces(inner) + formatted_pair(name, item, inner) + ",\n";
  }
  return "nn.Sequential(\n" + spaces(indent + kStep) + "OrderedDict(\n" +
         spaces(indent + 2 * kStep) + "[\n" + pairs + spaces(indent + 2 * kStep) + "]\n" +
         spaces(indent + kStep) + ")\n" + spaces(indent) + ")";
}

}  // namespace nw::codegen
