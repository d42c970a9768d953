#pragma once

#include <QString>

#include "core/graph/project.h"

namespace nw::test {

/// Draws graphs in one line each: every node is wired behind the one before.
class Chain {
 public:
  /// Returns the id of the new node.
  graph::NodeId add(std::string block, nn::Args args = {}, std::string name = {}) {
    graph::Node node;
    node.id = graph.next_id();
    node.block = std::move(block);
    node.args = std::move(args);
    node.name = std::move(name);
    node.x = 120.0 * static_cast<double>(graph.nodes.size());
    if (!graph.nodes.empty()) {
      graph.wires.push_back({{graph.nodes.back().id, "output"}, {node.id, "input"}});
    }
    graph.nodes.push_back(std::move(node));
    return graph.nodes.back().id;
  }

  graph::Graph graph;
};

/// Input 1, Conv2d 2, ReLU 3, MaxPool2d 4, Conv2d 5, ReLU 6, MaxPool2d 7, Flatten 8, Linear 9, ReLU
/// 10, Linear 11, ReLU 12, Linear 13, CrossEntropyLoss 14. On 1×28×28 the Flatten gives 400.
inline graph::Graph lenet() {
  Chain chain;
  chain.add("Input");
  chain.add("Conv2d",
            {{"out_channels", int64_t{6}}, {"kernel_size", int64_t{5}}, {"padding", int64_t{2}}});
  chain.add("ReLU");
  chain.add("MaxPool2d", {{"kernel_size", int64_t{2}}});
  chain.add("Conv2d", {{"out_channels", int64_t{16}}, {"kernel_size", int64_t{5}}});
  chain.add("ReLU");
  chain.add("MaxPool2d", {{"kernel_size", int64_t{2}}});
  chain.add("Flatten");
  chain.add("Linear", {{"out_features", int64_t{120}}});
  chain.add("ReLU");
  chain.add("Linear", {{"out_features", int64_t{84}}});
  chain.add("ReLU");
  chain.add("Linear", {{"out_features", int64_t{10}}});
  chain.add("CrossEntropyLoss");
  return chain.graph;
}

/// Input, Linear(hidden), activation, …, Linear(classes), CrossEntropyLoss.
inline graph::Graph mlp(std::initializer_list<int64_t> hidden, int64_t classes,
                        const char* activation = "Tanh", double dropout = 0) {
  Chain chain;
  chain.add("Input");
  for (int64_t width : hidden) {
    chain.add("Linear", {{"out_features", width}});
    chain.add(activation);
    if (dropout > 0) chain.add("Dropout", {{"p", dropout}});
  }
  chain.add("Linear", {{"out_features", classes}});
  chain.add("CrossEntropyLoss");
  return chain.graph;
}

inline data::Signature images() {
  return {{1, 28, 28}, {}, DType::Int64, 10};
}

inline QString text(const std::string& words) {
  return QString::fromStdString(words);
}

}  // namespace nw::test
