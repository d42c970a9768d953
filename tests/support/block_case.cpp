#include "tests/support/block_case.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "core/nn/call.h"

namespace nw::test {
namespace {

/// Of a tuple that forward takes: there no number stands for all.
std::string call_argument(const nn::Param& param, const nn::Value& value) {
  const auto* number = std::get_if<int64_t>(&value);
  if (param.type != nn::ParamType::IntTuple || number == nullptr) {
    return nn::python_argument(param, value);
  }
  return nn::python_argument(param,
                             std::vector<int64_t>(std::max<size_t>(param.arity, 1), *number));
}

}  // namespace

std::string python_of(const BlockCase& drawn, const std::vector<std::string>& gradients,
                      Precision precision, const std::vector<std::string>& state) {
  std::string positional;
  std::map<std::string, std::vector<std::string>> keywords;
  std::string leaves;
  size_t required = drawn.inputs.size();  // up to the last that is not optional all go by place
  while (required > 0 && drawn.block->inputs[required - 1].optional) --required;
  bool by_place = true;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (!drawn.inputs[i].defined()) {
      if (i < required) positional += "None, ";
      continue;
    }
    const nn::Port& port = drawn.block->inputs[i];
    const std::string x = "x" + std::to_string(i);
    by_place = by_place && (!port.optional || i < required);
    if (!by_place) {
      keywords[port.argument.empty() ? port.name : port.argument].push_back(x);
    } else {
      positional += x + ", ";
    }
    if (drawn.inputs[i].requires_grad()) leaves += "'" + x + "': " + x + ", ";
  }
  std::ostringstream code;
  code << "result = run_block(lambda: " << nn::python_call(*drawn.block, drawn.args) << ", torch."
       << name(drawn.dtype) << ", " << drawn.seed << ", " << (drawn.training ? "True" : "False")
       << ", " << drawn.forwards << ", [" << positional << "], {";
  for (const auto& [argument, items] : keywords) {
    code << "'" << argument << "': ";
    if (items.size() == 1) {
      code << items[0] << ", ";
    } else {
      code << "(";
      for (const std::string& item : items) code << item << ", ";
      code << "), ";
    }
  }
  for (const nn::Param& param : drawn.block->params) {
    const nn::Value* value = drawn.args.find(param.name);
    if (!param.call || value == nullptr) continue;
    code << "'" << param.name << "': " << call_argument(param, *value) << ", ";
  }
  code << "}, {" << leaves << "}, [";
  for (const std::string& gradient : gradients) code << gradient << ", ";
  code << "], reference=" << (precision == Precision::Float64 ? "True" : "False") << ", state=[";
  for (const std::string& tensor : state) code << tensor << ", ";
  code << "])\n";
  return code.str();
}

}  // namespace nw::test
