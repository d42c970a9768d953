#include "core/codegen/drawing.h"

#include <algorithm>
#include <span>

namespace nw::codegen {
namespace {

// As the canvas lays cards out: 96 px from card to card down, 288 px from column to column.
constexpr double kDown = 96;
constexpr double kAcross = 288;
constexpr size_t kColumn = 6;  // cards

/// One layer of a nested Sequential, with its path.
struct Leaf {
  std::string key;
  const Expression* layer;
};

void collect(const Expression& model, const std::string& path, std::vector<Leaf>& leaves) {
  if (model.block != nullptr) {
    leaves.push_back({path, &model});
    return;
  }
  for (const auto& [name, item] : model.items) {
    collect(item, path.empty() ? name : path + "." + name, leaves);
  }
}

class Drawer {
 public:
  graph::Graph run(const Expression& model, std::string_view loss) {
    std::vector<Leaf> leaves;
    collect(model, "", leaves);
    add("Input", {}, "");
    for (const Leaf& leaf : leaves) {
      check(*leaf.layer, &leaf == &leaves.back());
      const bool is_loss = leaf.layer->block->role == nn::Role::Loss;
      const bool named = !is_loss && leaf.key != std::to_string(graph_.nodes.size() - 1);
      add(leaf.layer->block->id, leaf.layer->args, named ? leaf.key : "");
    }
    const nn::Block& last = *graph::find_block(graph_.nodes.back());
    if (last.role != nn::Role::Loss) add(std::string(loss), {}, "");
    return std::move(graph_);
  }

 private:
  static void check(const Expression& layer, bool last) {
    const nn::Block& block = *layer.block;
    const auto needed = std::count_if(block.inputs.begin(), block.inputs.end(),
                                      [](const nn::Port& port) { return !port.optional; });
    if (layer.dtype && *layer.dtype != DType::Float32) {
      nn::fail_at(layer.place,
                  concat("[", block.id, "] has a dtype; a drawing computes in float32"));
    }
    if (block.role == nn::Role::Loss && !last) {
      nn::fail_at(layer.place, concat("[", block.id, "] is a loss; it can only be the last"));
    }
    if (block.role == nn::Role::Layer && needed > 1) {
      nn::fail_at(layer.place, concat("[", block.id, "] needs ", needed,
                                      " inputs; in a chain each layer gets one"));
    }
  }

  void add(std::string block, nn::Args args, std::string name) {
    graph::Node node;
    node.id = graph_.next_id();
    node.block = std::move(block);
    node.args = std::move(args);
    node.name = std::move(name);
    const size_t place = graph_.nodes.size();
    node.x = static_cast<double>(place / kColumn) * kAcross;
    node.y = static_cast<double>(place % kColumn) * kDown;
    if (place > 0) {
      const graph::Node& before = graph_.nodes.back();
      graph_.wires.push_back({{before.id, graph::find_block(before)->outputs[0].name},
                              {node.id, nn::blocks().find(node.block)->inputs[0].name}});
    }
    const nn::Block& known = *nn::blocks().find(node.block);
    node.block_version = known.version;
    graph_.nodes.push_back(std::move(node));
  }

  graph::Graph graph_;
};

bool is_layer(const graph::Node& node) {
  const nn::Block* block = graph::find_block(node);
  return block != nullptr && block->role == nn::Role::Layer;
}

/// Follows the one wire into each layer.
class Chain {
 public:
  Chain(const graph::Structure& structure, const graph::Inference& inference)
      : s_(structure), inference_(inference) {}

  /// The live layers in order; nothing when they are no chain.
  std::optional<std::vector<const graph::Node*>> layers() const {
    std::vector<const graph::Node*> chain;
    const graph::Node* before = node(s_.input);
    for (graph::NodeId id : s_.order) {
      if (!s_.is_live(id) || !is_layer(*node(id))) continue;
      if (before == nullptr || !fits(*node(id), *before)) return std::nullopt;
      chain.push_back(before = node(id));
    }
    if (s_.loss != graph::kNoNode && !loss_fits(before)) return std::nullopt;
    return chain;
  }

 private:
  const graph::Node* node(graph::NodeId id) const {
    const auto it = s_.nodes.find(id);
    return it == s_.nodes.end() ? nullptr : it->second;
  }

  /// Whether the layer takes what `before` gives first, and nothing else.
  bool fits(const graph::Node& layer, const graph::Node& before) const {
    const nn::Block& block = *graph::find_block(layer);
    const graph::NodeInfo& info = inference_.nodes.at(layer.id);
    if (block.torch_name.empty() || info.returned > 1) return false;
    for (const nn::Param& param : block.params) {
      const nn::Value* value = layer.args.find(param.name);
      if (param.call && value != nullptr && *value != param.fallback) return false;
    }
    return takes_first(layer, before);
  }

  bool takes_first(const graph::Node& layer, const graph::Node& before) const {
    const nn::Block& block = *graph::find_block(layer);
    for (size_t i = 0; i < block.inputs.size(); ++i) {
      const graph::Wire* wire = s_.wire_into(layer.id, block.inputs[i].name);
      if ((wire != nullptr) != (i == 0)) return false;
    }
    const graph::Endpoint& from = s_.wire_into(layer.id, block.inputs[0].name)->from;
    return from.node == before.id && from.port == graph::find_block(before)->outputs[0].name;
  }

  /// The loss takes the last layer's answer and otherwise only what the data set gives.
  bool loss_fits(const graph::Node* last) const {
    const nn::Block& block = *graph::find_block(*node(s_.loss));
    const graph::Wire* first = s_.wire_into(s_.loss, block.inputs[0].name);
    if (last == nullptr || first == nullptr || first->from.node != last->id) return false;
    for (size_t i = 1; i < block.inputs.size(); ++i) {
      const graph::Wire* wire = s_.wire_into(s_.loss, block.inputs[i].name);
      if (wire != nullptr && wire->from.node != s_.input) return false;
    }
    return true;
  }

  const graph::Structure& s_;
  const graph::Inference& inference_;
};

struct KeyedLayer {
  std::string key;
  Expression layer;
};

/// Layers whose keys begin alike and stand together become a Sequential of their own. False when
/// such ones do not stand together.
bool group(std::span<KeyedLayer> layers, size_t prefix, Expression& out) {
  for (size_t i = 0; i < layers.size();) {
    const std::string rest = layers[i].key.substr(prefix);
    const size_t dot = rest.find('.');
    const std::string name = rest.substr(0, dot);
    const bool taken = std::any_of(out.items.begin(), out.items.end(),
                                   [&](const auto& item) { return item.first == name; });
    if (taken) return false;
    size_t end = i + 1;
    if (dot == rest.npos) {
      out.items.emplace_back(name, layers[i].layer);
    } else {
      const std::string head = layers[i].key.substr(0, prefix + dot + 1);
      while (end < layers.size() && layers[end].key.starts_with(head)) ++end;
      Expression inner;
      if (!group(layers.subspan(i, end - i), head.size(), inner)) return false;
      out.items.emplace_back(name, std::move(inner));
    }
    i = end;
  }
  return true;
}

}  // namespace

graph::Graph to_graph(const Expression& model, std::string_view loss) {
  return Drawer().run(model, loss);
}

nn::Args constructor_args(const graph::Node& node, const graph::Inference& inference) {
  const nn::Block& block = *graph::find_block(node);
  nn::Args args = inference.nodes.at(node.id).args;
  for (const nn::Param& param : block.params) {
    if (param.call) args.erase(param.name);
    const nn::Value* value = args.find(param.name);
    const bool unknown = value != nullptr && std::holds_alternative<nn::None>(*value);
    NW_CHECK(!(param.inferred && unknown && !param.optional), "[", block.id, "] ", param.name,
             " is not known; connect ", graph::label(node), " to the Input, or set it");
  }
  return args;
}

std::optional<Expression> to_expression(const graph::Structure& structure,
                                        const graph::Inference& inference) {
  const auto layers = Chain(structure, inference).layers();
  if (!layers) return std::nullopt;
  std::vector<KeyedLayer> keyed;
  for (const graph::Node* node : *layers) {
    Expression layer{.block = graph::find_block(*node), .args = constructor_args(*node, inference)};
    keyed.push_back({structure.keys.at(node->id), std::move(layer)});
  }
  Expression out;
  if (!group(keyed, 0, out)) return std::nullopt;
  return out;
}

}  // namespace nw::codegen
