#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/check_model.h"
#include "app/cli/console.h"
#include "app/cli/describe.h"
#include "app/cli/project.h"
#include "app/cli/run.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CheckOptions {
  std::string project;
  std::vector<std::string> sizes;
  bool json = false;
};

std::string_view name(graph::Severity severity) {
  switch (severity) {
    case graph::Severity::Info:
      return "info";
    case graph::Severity::Warning:
      return "warning";
    case graph::Severity::Error:
      break;
  }
  return "error";
}

/// Nodes as data flows; those on a circle, which no order holds, come last.
std::vector<const graph::Node*> in_order(const graph::Graph& graph) {
  std::vector<const graph::Node*> nodes;
  for (const graph::NodeId id : graph::topological_order(graph)) nodes.push_back(graph.find(id));
  for (const graph::Node& node : graph.nodes) {
    if (std::find(nodes.begin(), nodes.end(), &node) == nodes.end()) nodes.push_back(&node);
  }
  return nodes;
}

/// What is known of a node; nothing for one that inference could not reach.
graph::NodeInfo info_of(const graph::Inference& inference, const graph::Node& node) {
  const auto found = inference.nodes.find(node.id);
  return found == inference.nodes.end() ? graph::NodeInfo{} : found->second;
}

std::string shapes_of(const graph::NodeInfo& info) {
  std::string text;
  for (const graph::Flow& flow : info.outputs) {
    text += (text.empty() ? "" : ", ") + (flow.known ? flow.text : "?");
  }
  return text;
}

void print_table(const graph::Graph& graph, const graph::Inference& inference) {
  std::vector<std::vector<std::string>> rows{
      {"block", "key", "", "output", "parameters", "multiply-adds"}, {""}};
  for (const graph::Node* node : in_order(graph)) {
    const graph::NodeInfo info = info_of(inference, *node);
    rows.push_back({node->block, info.key, info.caption, shapes_of(info), grouped(info.parameters),
                    grouped(info.multiply_adds)});
  }
  rows.push_back({""});
  rows.push_back(
      {"total", "", "", "", grouped(inference.parameters), grouped(inference.multiply_adds)});
  print(table(rows,
              {Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Right}));
  print("multiply-adds of one sample; N is the batch\n");
}

Json node_json(const graph::Node& node, const graph::NodeInfo& info) {
  Json out{{"id", node.id}, {"block", node.block}, {"name", node.name}, {"key", info.key}};
  out["args"] = Json::object();
  for (const auto& [param, value] : info.args) out["args"][param] = value_json(value);
  out["outputs"] = Json::array();
  for (const graph::Flow& flow : info.outputs) {
    out["outputs"].push_back(flow.known ? Json(flow.text) : Json(nullptr));
  }
  out["parameters"] = info.parameters;
  out["multiply_adds_per_sample"] = info.multiply_adds;
  out["activation_bytes_per_sample"] = info.activation_bytes;
  return out;
}

Json problem_json(const graph::Problem& problem) {
  Json out{{"severity", name(problem.severity)},
           {"node", problem.node},
           {"port", problem.port},
           {"text", problem.text}};
  out["fixes"] = Json::array();
  for (const graph::Fix& fix : problem.fixes) {
    out["fixes"].push_back({{"text", fix.text},
                            {"node", fix.node},
                            {"param", fix.param},
                            {"value", value_json(fix.value)}});
  }
  return out;
}

void print_json(const LoadedProject& loaded, const graph::Inference& inference) {
  const graph::Graph& graph = loaded.project.graph;
  Json out;
  for (const graph::Problem& problem : inference.problems) {
    if (problem.severity != graph::Severity::Error) continue;
    out["error"] = where_and_what(graph, inference, problem);
    break;
  }
  out["project"] = loaded.path;
  out["ok"] = inference.ok();
  out["blocks"] = Json::array();
  for (const graph::Node* node : in_order(graph)) {
    out["blocks"].push_back(node_json(*node, info_of(inference, *node)));
  }
  out["parameters"] = inference.parameters;
  out["multiply_adds_per_sample"] = inference.multiply_adds;
  out["activation_bytes_per_sample"] = inference.activation_bytes;
  out["problems"] = Json::array();
  for (const graph::Problem& problem : inference.problems) {
    out["problems"].push_back(problem_json(problem));
  }
  print(json_text(out) + "\n");
}

void check_project(const CheckOptions& options) {
  const LoadedProject loaded = open_project(options.project);
  const graph::Graph& graph = loaded.project.graph;
  const graph::Inference inference = graph::infer(graph, loaded.signature);
  if (options.json) {
    print_json(loaded, inference);
  } else {
    print_table(graph, inference);
  }
  for (const graph::Problem& problem : inference.problems) {
    note(concat(loaded.path, ": ", name(problem.severity), ": ",
                where_and_what(graph, inference, problem), "\n"));
    for (const graph::Fix& fix : problem.fixes) note("  " + fix.text + "\n");
  }
  if (!inference.ok()) throw CLI::RuntimeError(kFailure);
}

void check_any(const CheckOptions& options) {
  std::error_code ignored;
  const bool is_path = std::filesystem::exists(options.project, ignored);
  const bool may_be_model = options.project.find('(') != std::string::npos || is_path;
  if (const auto text = may_be_model ? model_text(options.project) : std::nullopt) {
    return check_model(*text, options.sizes, options.json);
  }
  if (!options.sizes.empty()) {
    throw CLI::ValidationError("--sizes", "a project has the sizes of its data set");
  }
  check_project(options);
}

}  // namespace

void add_check(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "check", "Show shapes, parameters and cost of each block, and what is wrong");
  const auto options = std::make_shared<CheckOptions>();
  verb->add_option("MODEL", options->project,
                   "A project, a file with a model expression, or the expression itself")
      ->required();
  verb->add_option(
          "--sizes", options->sizes,
          "Sizes of an expression's input, batch included: 32,1,28,28; once for each input")
      ->type_name("SIZES");
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "Problems go to standard error; the exit code is 1 when one of them is an error.\n\n"
      "Example:\n"
      "  netwright-cli check resources/examples/lenet.netwright\n"
      "  netwright-cli check \"nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\" --sizes "
      "1,1,28,28");
  verb->callback([options] { check_any(*options); });
}

}  // namespace nw::cli
