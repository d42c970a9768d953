#include "core/graph/lint.h"

#include <algorithm>

namespace nw::graph {
namespace {

/// Layers that a loss computes itself.
struct Doubled {
  std::string_view layer;
  std::string_view loss;
};
constexpr std::array kDoubled = {Doubled{"Softmax", "CrossEntropyLoss"}};

bool has_error(const Inference& out, NodeId node) {
  return std::any_of(out.problems.begin(), out.problems.end(), [&](const Problem& p) {
    return p.node == node && p.severity == Severity::Error;
  });
}

/// The nearest layer with parameters in front of `node`: the one that decides how many numbers
/// come.
const Node* last_learner(const Structure& s, const Node* node, const Inference& out) {
  while (node != nullptr && out.nodes.at(node->id).parameters == 0) {
    const nn::Block* block = find_block(*node);
    node = block == nullptr || block->inputs.empty() ? nullptr
                                                     : s.before(node->id, block->inputs[0].name);
  }
  return node;
}

/// Sets the parameter of the last layer that is `given` now and is the layer's own choice.
std::vector<Fix> set_outputs(const Node* layer, const Inference& out, int64_t given,
                             int64_t wanted) {
  if (layer == nullptr) return {};
  const nn::Block* block = find_block(*layer);
  const nn::Args& args = out.nodes.at(layer->id).args;
  for (const nn::Param& param : block->params) {
    const nn::Value* value = args.find(param.name);
    if (!param.required || param.inferred || value == nullptr || *value != nn::Value(given))
      continue;
    return {{concat("Set ", param.name, " to ", wanted, " in ", label(*layer)), layer->id,
             param.name, wanted}};
  }
  return {};
}

/// Offers to let the last layer give as many numbers as the target has, for a loss that compares
/// them one by one.
void offer_target_size(const Structure& s, const data::Signature& data, const Flows& flows,
                       Inference& out) {
  if (s.loss == kNoNode || data.target.size() != 1 || data.classes != 0) return;
  const std::string& port = find_block(*s.nodes.at(s.loss))->inputs[0].name;
  const Wire* wire = s.wire_into(s.loss, port);
  if (wire == nullptr || s.wire_into(s.loss, std::string(kTargetPort)) != nullptr) return;
  const auto flow = flows.find({wire->from.node, wire->from.port});
  if (flow == flows.end() || flow->second.one.dim() != 2) return;
  const Node* layer = last_learner(s, s.nodes.at(wire->from.node), out);
  for (Problem& problem : out.problems) {
    if (problem.node != s.loss || problem.port != port || !problem.fixes.empty()) continue;
    problem.fixes = set_outputs(layer, out, flow->second.one.size(1), data.target[0]);
  }
}

void check_classes(const Structure& s, const data::Signature& data, const Flows& flows,
                   Inference& out) {
  if (s.loss == kNoNode || data.classes == 0 || has_error(out, s.loss)) return;
  const Node& loss = *s.nodes.at(s.loss);
  const std::string& port = find_block(loss)->inputs[0].name;
  const Wire* target = s.wire_into(loss.id, std::string(kTargetPort));
  if (target != nullptr && !(target->from.node == s.input && target->from.port == kTargetPort))
    return;
  const Wire* wire = s.wire_into(loss.id, port);
  if (wire == nullptr) return;
  const auto flow = flows.find({wire->from.node, wire->from.port});
  if (flow == flows.end() || flow->second.one.dim() < 2) return;
  const int64_t given = flow->second.one.size(1);
  if (given == data.classes) return;
  const bool too_few = given < data.classes;
  const Node* layer = last_learner(s, s.nodes.at(wire->from.node), out);
  out.problems.push_back({too_few ? Severity::Error : Severity::Warning, loss.id, port,
                          concat("[", loss.block, "] gets ", given,
                                 given == 1 ? " class" : " classes", ", the data set has ",
                                 data.classes, too_few ? "" : "; the others will never be right"),
                          set_outputs(layer, out, given, data.classes)});
}

void check_doubled(const Structure& s, Inference& out) {
  if (s.loss == kNoNode) return;
  const Node& loss = *s.nodes.at(s.loss);
  const Node* last = s.before(loss.id, find_block(loss)->inputs[0].name);
  for (const Doubled& doubled : kDoubled) {
    if (last == nullptr || last->block != doubled.layer || loss.block != doubled.loss) continue;
    out.problems.push_back(
        {Severity::Warning,
         last->id,
         "",
         concat("[", doubled.layer, "] stands in front of ", doubled.loss,
                ", which applies it itself; twice makes learning slow. Remove it"),
         {}});
  }
}

/// Layers that take the first dimension for time where the batch stands: they would mix samples.
void check_batch_first(const Structure& s, const Flows& flows, Inference& out) {
  for (const auto& [id, info] : out.nodes) {
    if (!info.args.has("batch_first") || info.args.boolean("batch_first")) continue;
    const Node& node = *s.nodes.at(id);
    const std::string& port = find_block(node)->inputs[0].name;
    const Wire* wire = s.wire_into(id, port);
    if (wire == nullptr || has_error(out, id)) continue;
    const auto flow = flows.find({wire->from.node, wire->from.port});
    if (flow == flows.end() || flow->second.one.dim() != 3) continue;
    if (flow->second.one.size(0) == flow->second.other.size(0)) continue;
    out.problems.push_back({Severity::Warning,
                            id,
                            port,
                            concat("[", node.block, "] takes the first dimension for time, and ",
                                   "the samples of a batch stand there (", flow->second.flow().text,
                                   "); set batch_first"),
                            {{"Set batch_first to True", id, "batch_first", true}}});
  }
}

/// A layer that writes over its input leaves other readers of it the wrong numbers, here as in
/// PyTorch.
void check_overwritten(const Structure& s, Inference& out) {
  for (NodeId id : s.order) {
    if (!s.is_live(id)) continue;
    const Node& node = *s.nodes.at(id);
    const nn::Block* block = find_block(node);
    const nn::Value* inplace = out.nodes.at(id).args.find("inplace");
    if (block == nullptr || inplace == nullptr || *inplace != nn::Value(true)) continue;
    const Wire* own = s.wire_into(id, block->inputs[0].name);
    if (own == nullptr) continue;
    for (const auto& [port, wire] : s.into) {
      const NodeId reader = port.first;
      if (reader == id || wire->from != own->from || !s.is_live(reader)) continue;
      out.problems.push_back(
          {Severity::Warning,
           id,
           block->inputs[0].name,
           concat("[", block->id, "] overwrites the output of ", label(*s.nodes.at(own->from.node)),
                  ", which ", label(*s.nodes.at(reader)), " reads, too; set inplace off"),
           {{"Set inplace to False", id, "inplace", false}}});
      break;
    }
  }
}

/// Nothing to learn: the optimiser would have no work.
void check_parameters(const Structure& s, Inference& out) {
  if (!s.complete || !out.ok()) return;
  const bool learns = std::any_of(s.live.begin(), s.live.end(),
                                  [&](NodeId id) { return out.nodes.at(id).parameters > 0; });
  if (learns) return;
  out.problems.push_back({Severity::Error,
                          s.loss,
                          "",
                          "[graph] has no layer with parameters, so there is nothing to learn; add "
                          "one, such as Linear",
                          {}});
}

}  // namespace

void lint(const Structure& structure, const data::Signature& data, const Flows& flows,
          Inference& out) {
  offer_target_size(structure, data, flows, out);
  check_classes(structure, data, flows, out);
  check_doubled(structure, out);
  check_batch_first(structure, flows, out);
  check_overwritten(structure, out);
  check_parameters(structure, out);
}

}  // namespace nw::graph
