#include "app/cli/describe.h"

#include <nlohmann/json.hpp>

#include "app/cli/text.h"
#include "core/base/error.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name(nn::ParamType type) {
  switch (type) {
    case nn::ParamType::Bool:
      return "bool";
    case nn::ParamType::Int:
      return "int";
    case nn::ParamType::Real:
      return "real";
    case nn::ParamType::Choice:
      return "choice";
    case nn::ParamType::Text:
      return "text";
    case nn::ParamType::Path:
      return "path";
    case nn::ParamType::IntTuple:
      return "int_tuple";
    case nn::ParamType::RealTuple:
      return "real_tuple";
    case nn::ParamType::Module:
      return "module";
  }
  return "text";
}

Json param_json(const nn::Param& param) {
  Json out{{"name", param.name}, {"type", name(param.type)}};
  out["default"] = value_json(param.fallback);
  out["help"] = param.help;
  if (param.min) out["min"] = *param.min;
  if (param.max) out["max"] = *param.max;
  if (param.min_exclusive) out["min_exclusive"] = true;
  if (param.max_exclusive) out["max_exclusive"] = true;
  if (param.usual_min) out["usual_min"] = *param.usual_min;
  if (param.usual_max) out["usual_max"] = *param.usual_max;
  if (param.type == nn::ParamType::IntTuple || param.type == nn::ParamType::RealTuple) {
    out["arity"] = param.arity;
  }
  if (!param.choices.empty()) out["choices"] = param.choices;
  if (!param.unit.empty()) out["unit"] = param.unit;
  out["optional"] = param.optional;
  out["inferred"] = param.inferred;
  out["required"] = param.required;
  out["keyword_only"] = param.keyword_only;
  return out;
}

std::string range_text(const nn::Param& param) {
  std::string text;
  const auto number = [](double value) { return concat(value); };
  if (param.min) text += (param.min_exclusive ? "> " : ">= ") + number(*param.min);
  if (param.max) {
    text += (text.empty() ? "" : ", ") + std::string(param.max_exclusive ? "< " : "<= ") +
            number(*param.max);
  }
  const auto add_usual = [&](const char* relation, const std::optional<double>& bound) {
    if (bound) text += (text.empty() ? "usually " : ", usually ") + (relation + number(*bound));
  };
  add_usual(">= ", param.usual_min);
  add_usual("<= ", param.usual_max);
  for (const std::string& choice : param.choices) text += (text.empty() ? "" : " | ") + choice;
  if (!param.unit.empty()) text += (text.empty() ? "" : " ") + param.unit;
  return text;
}

std::string default_text(const nn::Param& param) {
  if (param.inferred) return "from the wire";
  if (param.required) return "must be given";
  return nn::to_python(param.fallback);
}

void add_line(std::string& text, const char* label, const std::string& content) {
  if (!content.empty()) text += concat("  ", label, content, "\n");
}

struct JsonVisitor {
  Json operator()(nn::None) const { return nullptr; }
  Json operator()(const std::vector<int64_t>& items) const {
    Json list = Json::array();
    for (int64_t item : items) list.push_back(item == nn::kNoneItem ? Json() : Json(item));
    return list;
  }
  Json operator()(const nn::Nested& nested) const {
    Json args = Json::object();
    for (const auto& [name, argument] : nested->args) args[name] = value_json(argument);
    return {{"block", nested->id}, {"args", args}};
  }
  Json operator()(const auto& held) const { return held; }
};

}  // namespace

Json value_json(const nn::Value& value) {
  return std::visit(JsonVisitor{}, value);
}

Json description_json(const nn::Description& description) {
  Json out{{"id", description.id}, {"version", description.version}};
  out["torch_name"] = description.torch_name;
  out["category"] = description.category;
  out["summary"] = description.summary;
  out["formula"] = description.formula;
  out["when_to_use"] = description.when_to_use;
  out["reference"] = description.reference;
  out["icon"] = description.icon;
  out["params"] = Json::array();
  for (const nn::Param& param : description.params) out["params"].push_back(param_json(param));
  out["constraints"] = Json::array();
  for (const nn::Constraint& rule : description.constraints) {
    out["constraints"].push_back(rule.text);
  }
  return out;
}

std::string description_text(const nn::Description& description) {
  std::string text = description.id;
  if (!description.torch_name.empty()) text += "  torch." + description.torch_name;
  text += "\n";
  add_line(text, "", description.summary);
  add_line(text, "formula: ", description.formula);
  add_line(text, "use it: ", description.when_to_use);
  add_line(text, "see: ", description.reference);
  std::vector<std::vector<std::string>> rows;
  for (const nn::Param& param : description.params) {
    rows.push_back({"    " + param.name, std::string(name(param.type)), default_text(param),
                    range_text(param), param.help});
  }
  text += table(rows, std::vector<Align>(5, Align::Left));
  for (const nn::Constraint& rule : description.constraints) add_line(text, "rule: ", rule.text);
  return text + "\n";
}

}  // namespace nw::cli
