#include "core/nn/call.h"

namespace nw::nn {
namespace {

/// Arguments of a call, in torch's order.
class ArgumentList {
 public:
  explicit ArgumentList(const std::string& before) : text_(before) {}

  void add(const std::string& argument) { text_ += (text_.empty() ? "" : ", ") + argument; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

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

std::string python_call(const Description& description, const Args& args,
                        const std::string& before) {
  ArgumentList list(before);
  std::string done_tuple;
  for (const Param& param : description.params) {
    if (param.call) continue;
    if (!param.tuple.empty()) {
      if (param.tuple == done_tuple) continue;
      done_tuple = param.tuple;
      const std::string items = whole_tuple(description, args, param);
      if (!items.empty()) list.add(param.tuple + "=" + items);
      continue;
    }
    const Value* value = args.find(param.name);
    if (param.required && !param.keyword_only && before.empty()) {
      list.add(python_argument(param, value ? *value : param.fallback));
    } else if (param.required || !has_default(param, args)) {
      list.add(param.name + "=" + python_argument(param, value ? *value : param.fallback));
    }
  }
  const std::string& name =
      description.torch_name.empty() ? description.id : description.torch_name;
  return name + "(" + list.text() + ")";
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
