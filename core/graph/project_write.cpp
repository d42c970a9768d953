#include <cmath>
#include <nlohmann/json.hpp>

#include "core/graph/json_text.h"
#include "core/graph/project.h"

namespace nw::graph {
namespace {

using Json = nlohmann::ordered_json;

/// Members of an object; key and value are JSON text, the key without its quotes.
using Member = std::pair<std::string, std::string>;
using Members = std::vector<Member>;

std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string real(double number, std::string_view what) {
  NW_CHECK(std::isfinite(number), "[project] ", what,
           " is not a finite number and cannot be saved");
  return Json(number).dump();
}

/// 120 rather than 120.0: positions are whole pixels most of the time.
std::string position(double number, std::string_view what) {
  const bool whole = std::floor(number) == number && std::abs(number) < 1e9;
  return whole ? std::to_string(static_cast<int64_t>(number)) : real(number, what);
}

/// Only what differs from the defaults; all of it when there is no description.
std::string args_text(const nn::Args& args, const nn::Description* description);

std::string value_text(const nn::Value& value, std::string_view what) {
  struct Visitor {
    std::string_view what;
    std::string operator()(nn::None) const { return "null"; }
    std::string operator()(bool on) const { return on ? "true" : "false"; }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const {
      // JSON has no such numbers.
      return std::isfinite(number) ? real(number, what) : json_string(concat(number));
    }
    std::string operator()(const std::string& text) const { return json_string(text); }
    std::string operator()(const std::vector<int64_t>& items) const {
      std::string text = "[";
      for (int64_t item : items) {
        text += text.size() > 1 ? ", " : "";
        text += item == nn::kNoneItem ? "null" : std::to_string(item);
      }
      return text + "]";
    }
    std::string operator()(const std::vector<double>& items) const {
      std::string text = "[";
      for (double item : items) text += (text.size() > 1 ? ", " : "") + real(item, what);
      return text + "]";
    }
    std::string operator()(const nn::Nested& nested) const {
      const std::string args = args_text(nested->args, nn::blocks().find(nested->id));
      const std::string block = "{\"block\": " + json_string(nested->id);
      return block + (args.empty() ? "" : ", \"args\": " + args) + "}";
    }
  };
  return std::visit(Visitor{what}, value);
}

std::string new_line(int indent) {
  std::string line(static_cast<size_t>(indent) + 1, ' ');
  line[0] = '\n';
  return line;
}

/// `{"a": 1, "b": 2}`, or one member a line at `indent` spaces and the brace below them.
std::string object(const Members& members, int indent) {
  const std::string separator = indent < 0 ? ", " : concat(",", new_line(indent));
  std::string text;
  for (const auto& [key, value] : members) {
    text += (text.empty() ? "" : separator) + concat("\"", key, "\": ", value);
  }
  if (indent < 0 || members.empty()) return concat("{", text, "}");
  return concat("{", new_line(indent), text, new_line(indent - 2), "}");
}

std::string array(const std::vector<std::string>& items, int indent) {
  if (items.empty()) return "[]";
  std::string text;
  for (const std::string& item : items) {
    text += concat(text.empty() ? "" : ",", new_line(indent), item);
  }
  return concat("[", text, new_line(indent - 2), "]");
}

/// The members kept from the file come last, as they stood there.
void append_extra(const std::string& extra, Members& members) {
  if (extra.empty()) return;
  for (const auto& [key, value] : raw_members(extra)) {
    members.emplace_back(key, value);
  }
}

/// The member of the kept ones that holds those of an inner object.
std::string inner_extra(const std::string& extra, std::string_view key) {
  if (extra.empty()) return {};
  for (const auto& [name, value] : raw_members(extra)) {
    if (name == key) return std::string(value);
  }
  return {};
}

/// Kept members without those of inner objects, which are written there.
void append_extra_except(const std::string& extra, std::initializer_list<std::string_view> inner,
                         Members& members) {
  Members kept;
  append_extra(extra, kept);
  for (Member& member : kept) {
    if (std::find(inner.begin(), inner.end(), member.first) == inner.end()) {
      members.push_back(std::move(member));
    }
  }
}

std::string args_text(const nn::Args& args, const nn::Description* description) {
  Members members;
  const auto add = [&](const std::string& name, const nn::Value& value) {
    const std::string key = json_string(name);
    members.emplace_back(key.substr(1, key.size() - 2), value_text(value, name));
  };
  if (description != nullptr) {
    for (const nn::Param& param : description->params) {
      const nn::Value* value = args.find(param.name);
      if (value == nullptr) continue;
      const nn::Value plain = nn::normalized(param, *value);
      if (plain != nn::normalized(param, param.fallback)) add(param.name, plain);
    }
  }
  for (const auto& [name, value] : args) {
    if (description == nullptr || description->find(name) == nullptr) add(name, value);
  }
  return members.empty() ? std::string() : object(members, -1);
}

std::string node_text(const Node& node) {
  Members members{{"id", std::to_string(node.id)},
                  {"block", json_string(node.block)},
                  {"version", std::to_string(node.block_version)}};
  if (!node.name.empty()) members.emplace_back("name", json_string(node.name));
  const std::string args = args_text(node.args, nn::blocks().find(node.block));
  // Those of an unknown block were kept as they are, and stay at their place.
  const std::string unknown = inner_extra(node.extra, "args");
  if (!args.empty() || !unknown.empty())
    members.emplace_back("args", args.empty() ? unknown : args);
  members.emplace_back("x", position(node.x, "x"));
  members.emplace_back("y", position(node.y, "y"));
  append_extra_except(node.extra, {"args"}, members);
  return object(members, 8);
}

std::string endpoint_text(const Endpoint& end) {
  return concat("[", end.node, ", ", json_string(end.port), "]");
}

std::string graph_text(const Graph& graph, const std::string& extra) {
  std::vector<std::string> nodes;
  for (const Node& node : graph.nodes) nodes.push_back(node_text(node));
  std::vector<std::string> wires;
  for (const Wire& wire : graph.wires) {
    wires.push_back(
        object({{"from", endpoint_text(wire.from)}, {"to", endpoint_text(wire.to)}}, -1));
  }
  Members members{{"nodes", array(nodes, 6)}, {"wires", array(wires, 6)}};
  append_extra(extra, members);
  return object(members, 4);
}

std::string choice_text(const Choice& choice, const nn::Description* description,
                        const std::string& extra) {
  Members members{{"id", json_string(choice.id)}};
  const std::string args = args_text(choice.args, description);
  if (!args.empty()) members.emplace_back("args", args);
  append_extra(extra, members);
  return object(members, -1);
}

std::string run_text(const RunSettings& run, const std::string& extra) {
  Members members{
      {"data",
       choice_text(run.data, data::datasets().find(run.data.id), inner_extra(extra, "data"))},
      {"optimizer", choice_text(run.optimizer, optim::optimizers().find(run.optimizer.id),
                                inner_extra(extra, "optimizer"))}};
  std::vector<std::string> schedulers;
  for (const Choice& one : run.schedulers) {
    schedulers.push_back(choice_text(one, optim::schedulers().find(one.id), one.extra));
  }
  if (!schedulers.empty()) members.emplace_back("schedulers", array(schedulers, 6));
  const nn::Args settings = to_args(run);
  for (const nn::Param& param : run_settings_description().params) {
    const nn::Value& value = *settings.find(param.name);
    const bool unset = param.optional && std::holds_alternative<nn::None>(value);
    if (!unset) members.emplace_back(param.name, value_text(value, param.name));
  }
  append_extra_except(extra, {"data", "optimizer"}, members);
  return object(members, 4);
}

}  // namespace

std::string to_json(const Project& project) {
  Members members{{"format", json_string("netwright-project")},
                  {"version", "1"},
                  {"graph", graph_text(project.graph, inner_extra(project.extra, "graph"))},
                  {"run", run_text(project.run, inner_extra(project.extra, "run"))}};
  append_extra_except(project.extra, {"graph", "run"}, members);
  return object(members, 2) + "\n";
}

}  // namespace nw::graph
