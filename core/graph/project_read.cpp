#include <limits>
#include <set>
#include <unordered_map>

#include "core/graph/json_reader.h"
#include "core/graph/project.h"

namespace nw::graph {
namespace {

constexpr int64_t kNewestVersion = 1;
constexpr int64_t kLargestId = int64_t{1} << 53;  // what every JSON reader keeps exactly
constexpr double kFarthest = 1e7;                 // px
constexpr int64_t kLargestInteger = std::numeric_limits<int64_t>::max();

/// Adds one member to the text of an object of kept members.
void keep(std::string& extra, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (extra.empty()) {
    extra = concat("{\"", key, "\": ", value, "}");
  } else {
    extra = concat(extra.substr(0, extra.size() - 1), ", \"", key, "\": ", value, "}");
  }
}

/// Whether the value is of the parameter's type; its range and choices are inference's to check.
bool has_type(const nn::Param& param, const nn::Value& given) {
  const nn::Value value = nn::normalized(param, given);  // "inf" is a number here
  if (std::holds_alternative<std::string>(value)) {
    return param.type == nn::ParamType::Choice || param.type == nn::ParamType::Text ||
           param.type == nn::ParamType::Path ||
           (param.type == nn::ParamType::IntTuple && !param.choices.empty());
  }
  nn::Param plain = param;
  plain.min.reset();
  plain.max.reset();
  return nn::problem_of(plain, value).empty();
}

/// Arguments of `description`, which may be null: then every argument is kept as it is.
nn::Args read_args(const JsonValue& value, const nn::Description* description) {
  nn::Args args;
  for (const auto& [name, member] : JsonObject(value).take_all()) {
    const nn::Param* param = description == nullptr ? nullptr : description->find(name);
    const auto argument = member.argument();
    if (param == nullptr) {
      if (!argument) member.fail_expecting("a number, text, true, false, null or integers");
      args.set(name, *argument);
      continue;
    }
    if (!argument || !has_type(*param, *argument)) member.fail_expecting(nn::expectation(*param));
    args.set(name, nn::normalized(*param, *argument));
  }
  return args;
}

Node read_node(const JsonValue& value) {
  JsonObject members(value);
  Node node;
  node.id = members.need("id", "a number of its own").integer(1, kLargestId);
  node.block = members.need("block", "which block it is").string();
  if (const auto version = members.take("version")) {
    node.block_version = static_cast<int>(version->integer(1, 1000000));
  }
  if (const auto name = members.take("name")) node.name = name->string();
  if (const auto x = members.take("x")) node.x = x->number(kFarthest);
  if (const auto y = members.take("y")) node.y = y->number(kFarthest);
  if (const nn::Block* block = find_block(node)) {
    if (const auto args = members.take("args")) node.args = read_args(*args, block);
  }
  node.extra = members.rest();  // with the arguments of an unknown block
  return node;
}

std::vector<Node> read_nodes(const JsonValue& value) {
  std::vector<Node> nodes;
  std::unordered_map<NodeId, size_t> places;
  for (const JsonValue& item : value.items()) {
    nodes.push_back(read_node(item));
    const auto [place, is_new] = places.try_emplace(nodes.back().id, nodes.size() - 1);
    if (!is_new) {
      item.fail(concat("has the id ", nodes.back().id, " of graph.nodes[", place->second,
                       "]; each node needs its own"));
    }
  }
  return nodes;
}

/// Wires are checked against the nodes that were read before.
class WireReader {
 public:
  explicit WireReader(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) nodes_.emplace(node.id, &node);
  }

  Wire read(const JsonValue& value) {
    JsonObject members(value);
    Wire wire;
    wire.from = endpoint(members.need("from", "[node id, \"port\"]"), &nn::Block::outputs);
    const JsonValue to = members.need("to", "[node id, \"port\"]");
    wire.to = endpoint(to, &nn::Block::inputs);
    if (!members.rest().empty()) value.fail_expecting("only \"from\" and \"to\"");
    if (!taken_.emplace(wire.to.node, wire.to.port).second) {
      to.fail(concat("expects one wire into a port, gets a second one into \"", wire.to.port,
                     "\" of node ", wire.to.node));
    }
    return wire;
  }

 private:
  Endpoint endpoint(const JsonValue& value, std::vector<nn::Port> nn::Block::*ports) {
    const std::vector<JsonValue> items = value.items();
    if (items.size() != 2) value.fail_expecting("[node id, \"port\"]");
    Endpoint end{items[0].integer(1, kLargestId), items[1].string()};
    const auto node = nodes_.find(end.node);
    if (node == nodes_.end()) {
      items[0].fail(concat("expects the id of a node, gets ", end.node, ", which no node has"));
    }
    const nn::Block* block = find_block(*node->second);
    if (block == nullptr) return end;  // what ports it has is not known
    std::string names;
    for (const nn::Port& port : block->*ports) {
      if (port.name == end.port) return end;
      names += concat(names.empty() ? "" : ", ", "\"", port.name, "\"");
    }
    items[1].fail_expecting(
        concat("a port of ", block->id, " (it has ", names.empty() ? "none here" : names, ")"));
  }

  std::unordered_map<NodeId, const Node*> nodes_;
  std::set<std::pair<NodeId, std::string>> taken_;
};

Graph read_graph(const JsonValue& value, std::string& extra) {
  JsonObject members(value);
  Graph graph;
  if (const auto nodes = members.take("nodes")) graph.nodes = read_nodes(*nodes);
  if (const auto wires = members.take("wires")) {
    WireReader reader(graph.nodes);
    for (const JsonValue& item : wires->items()) graph.wires.push_back(reader.read(item));
  }
  extra = members.rest();
  return graph;
}

template <typename Spec>
Choice read_choice(const JsonValue& value, const nn::Registry<Spec>& registry, std::string& extra) {
  JsonObject members(value);
  Choice choice;
  choice.id = members.need("id", "which one it is").string();
  if (const auto args = members.take("args")) {
    choice.args = read_args(*args, registry.find(choice.id));
  }
  extra = members.rest();
  return choice;
}

std::vector<Choice> read_schedulers(const JsonValue& value) {
  std::vector<Choice> schedulers;
  for (const JsonValue& item : value.items()) {
    std::string extra;
    schedulers.push_back(read_choice(item, optim::schedulers(), extra));
    schedulers.back().extra = std::move(extra);
  }
  return schedulers;
}

RunSettings read_run(const JsonValue& value, std::string& extra) {
  JsonObject members(value);
  RunSettings run;
  std::string data_extra;
  std::string optimizer_extra;
  if (const auto data = members.take("data")) {
    run.data = read_choice(*data, data::datasets(), data_extra);
  }
  if (const auto optimizer = members.take("optimizer")) {
    run.optimizer = read_choice(*optimizer, optim::optimizers(), optimizer_extra);
  }
  if (const auto schedulers = members.take("schedulers")) {
    run.schedulers = read_schedulers(*schedulers);
  }
  nn::Args settings;
  for (const nn::Param& param : run_settings_description().params) {
    const auto member = members.take(param.name);
    if (!member) continue;
    const auto argument = member->argument();
    if (!argument || !has_type(param, *argument)) member->fail_expecting(nn::expectation(param));
    settings.set(param.name, nn::normalized(param, *argument));
  }
  apply_args(settings, run);
  extra = members.rest();
  keep(extra, "data", data_extra);
  keep(extra, "optimizer", optimizer_extra);
  return run;
}

void check_format(JsonObject& members) {
  const JsonValue format = members.need("format", "which says that this is a Netwright project");
  if (format.text() != "\"netwright-project\"") format.fail_expecting("\"netwright-project\"");
  const JsonValue version = members.need("version", "the version of the format");
  if (version.integer(1, kLargestInteger) > kNewestVersion) {
    version.fail(concat("is ", version.text(), ", and this program reads versions up to ",
                        kNewestVersion, "; open the file with a newer Netwright"));
  }
}

}  // namespace

Project project_from_json(std::string_view text, std::string_view place) {
  JsonObject members{JsonValue(text, place)};
  check_format(members);
  Project project;
  std::string graph_extra;
  std::string run_extra;
  project.graph = read_graph(members.need("graph", "the nodes and wires"), graph_extra);
  if (const auto run = members.take("run")) project.run = read_run(*run, run_extra);
  project.extra = members.rest();
  keep(project.extra, "graph", graph_extra);
  keep(project.extra, "run", run_extra);
  return project;
}

}  // namespace nw::graph
