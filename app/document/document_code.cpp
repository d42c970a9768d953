#include <algorithm>

#include "app/document/compose.h"
#include "app/document/document.h"
#include "app/document/wording.h"
#include "core/codegen/python_code.h"

namespace nw::app {
namespace {

constexpr double kBeside = 288;  // px from column to column

bool isLayer(const graph::Node& node) {
  return graph::find_block(node)->role == nn::Role::Layer;
}

/// Only the layers, to the right of all that is drawn already.
void makeFragment(graph::Graph& model, const graph::Graph& drawn) {
  std::erase_if(model.nodes, [](const graph::Node& node) { return !isLayer(node); });
  std::erase_if(model.wires, [&](const graph::Wire& wire) {
    return model.find(wire.from.node) == nullptr || model.find(wire.to.node) == nullptr;
  });
  double right = drawn.nodes.front().x;
  double top = drawn.nodes.front().y;
  for (const graph::Node& node : drawn.nodes) {
    right = std::max(right, node.x);
    top = std::min(top, node.y);
  }
  for (graph::Node& node : model.nodes) {
    node.x += right + kBeside;
    node.y += top;
  }
}

}  // namespace

std::vector<graph::NodeId> Document::pasteCode(const QString& code, QString& problem) {
  problem.clear();
  std::vector<graph::NodeId> added;
  try {
    const bool regression = dataKnown_ && signature_.classes == 0;
    graph::Graph model = codegen::to_graph(codegen::parse_model(code.toStdString()),
                                           regression ? "MSELoss" : "CrossEntropyLoss");
    if (!project_.graph.nodes.empty()) makeFragment(model, project_.graph);
    edit(countText(tr("Paste"), model.nodes.size(), 0),
         [&](Transaction& t) { added = addFragment(t, model); });
  } catch (const std::exception& error) {
    problem = QString::fromUtf8(error.what());
    added.clear();
  }
  return added;
}

QString Document::pythonCode(QString& problem) const {
  problem.clear();
  try {
    return QString::fromStdString(codegen::python_code(project_.graph, signature_));
  } catch (const std::exception& error) {
    problem = QString::fromUtf8(error.what());
    return {};
  }
}

}  // namespace nw::app
