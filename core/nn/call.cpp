#include "core/nn/call.h"

namespace nw::nn {
namespace {

bool has_default(const Param& param, const Args& args) {
  const Value* value = args.find(param.name);
  return value == nullptr || normalized(param, *value) == normalized(param, param.fallback);
}

/// The tuple of torch's that `first` begins (Adam's betas); empty when all its items have their
/// defaults.
std::string whole_tuple(const Description& description, const Args& args, const Param& first) {
  std::string items;
  bool differs = false;
  for (const Param& param : description.params) {
    if (param.tuple != first.tuple) continue;
    const Value* value = args.find(param.name);
    items += (items.empty() ? "" : ", ") + python_argument(param, value ? *value : param.fallback);
    differs = differs || !has_default(param, args);
  }
  return differs ? "(" + items + ")" : std::string();
}

}  // namespace

std::string python_argument(const Param& param, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!param.real_list || text == nullptr) return to_python(value);
  std::string items;
  for (double number : real_list(*text)) items += (items.empty() ? "" : ", ") + to_python(number);
  return "torch.tensor([" + items + "])";
}

std::vector<std::string> python_arguments(const Description& description, const Args& args,
                                          const std::string& before) {
  std::vector<std::string> list;
  if (!before.empty()) list.push_back(before);
  std::string done_tuple;
  for (const Param& param : description.params) {
    if (param.call) continue;
    if (!param.tuple.empty()) {
      if (param.tuple == done_tuple) continue;
      done_tuple = param.tuple;
      const std::string items = whole_tuple(description, args, param);
      if (!items.empty()) list.push_back(param.tuple + "=" + items);
      continue;
    }
    const Value* value = args.find(param.name);
    const bool by_place = param.required && !param.keyword_only && before.empty();
    if (!param.required && has_default(param, args)) continue;
    const std::string written = python_argument(param, value ? *value : param.fallback);
    list.push_back(by_place ? written : param.name + "=" + written);
  }
  return list;
}

std::string python_call(const Description& description, const Args& args,
                        const std::string& before) {
  std::string list;
  for (const std::string& argument : python_arguments(description, args, before)) {
    list += (list.empty() ? "" : ", ") + argument;
  }
  const bool known = !description.torch_name.empty();
  return (known ? description.torch_name : description.id) + "(" + list + ")";
}

std::string to_python(const Call& call) {
  if (const Block* block = blocks().find(call.id)) return python_call(*block, call.args);
  std::string text;
  for (const auto& [name, value] : call.args) {
    text += (text.empty() ? "" : ", ") + name + "=" + to_python(value);
  }
  return call.id + "(" + text + ")";
}

std::unique_ptr<Module> make_module(const Call& call) {
  const Block* block = blocks().find(call.id);
  NW_CHECK(block != nullptr && block->make != nullptr, "[", call.id, "] is no layer");
  return block->make(block->complete(call.args));
}

}  // namespace nw::nn
