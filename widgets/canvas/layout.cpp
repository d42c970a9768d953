#include "widgets/canvas/layout.h"

#include <QHash>
#include <algorithm>
#include <cmath>

#include "widgets/canvas/node_item.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

using Layers = std::vector<std::vector<graph::NodeId>>;

Layers layersOf(const graph::Graph& graph) {
  QHash<graph::NodeId, size_t> depth;
  QHash<graph::NodeId, std::vector<graph::NodeId>> sources;
  for (const graph::Wire& wire : graph.wires) sources[wire.to.node].push_back(wire.from.node);
  Layers layers;
  for (graph::NodeId id : graph::topological_order(graph)) {
    size_t layer = 0;
    for (graph::NodeId source : sources.value(id)) {
      if (depth.contains(source)) layer = std::max(layer, depth[source] + 1);
    }
    depth[id] = layer;
    if (layers.size() <= layer) layers.resize(layer + 1);
    layers[layer].push_back(id);
  }
  std::vector<graph::NodeId> circling;
  for (const graph::Node& node : graph.nodes) {
    if (!depth.contains(node.id)) circling.push_back(node.id);
  }
  if (!circling.empty()) layers.push_back(std::move(circling));
  return layers;
}

/// Orders each layer by the mean place of its sources in the layers before (barycentre heuristic,
/// Sugiyama, Tagawa and Toda 1981).
void reduceCrossings(const graph::Graph& graph, Layers& layers) {
  QHash<graph::NodeId, std::vector<graph::NodeId>> sources;
  for (const graph::Wire& wire : graph.wires) sources[wire.to.node].push_back(wire.from.node);
  QHash<graph::NodeId, double> place;
  for (auto& layer : layers) {
    QHash<graph::NodeId, double> wish;
    for (size_t i = 0; i < layer.size(); ++i) {
      double sum = 0, count = 0;
      for (graph::NodeId source : sources.value(layer[i])) {
        if (!place.contains(source)) continue;
        sum += place[source];
        ++count;
      }
      wish[layer[i]] = count > 0 ? sum / count : double(i) - double(layer.size() - 1) / 2;
    }
    std::stable_sort(layer.begin(), layer.end(), [&wish](graph::NodeId a, graph::NodeId b) {
      return wish.value(a) < wish.value(b);
    });
    for (size_t i = 0; i < layer.size(); ++i) {
      place[layer[i]] = double(i) - double(layer.size() - 1) / 2;
    }
  }
}

double onGrid(double at) {
  return std::round(at / Theme::kGrid) * Theme::kGrid;
}

}  // namespace

QVector<QPair<graph::NodeId, QPointF>> arranged(const graph::Graph& graph,
                                                FlowDirection direction) {
  Layers layers = layersOf(graph);
  reduceCrossings(graph, layers);
  const bool down = direction == FlowDirection::TopToBottom;
  const double step = down ? kLayerStep : NodeItem::kWidth + kPillRoom;
  const double beside = down ? NodeItem::kWidth + 40 : NodeItem::kHeight + 40;
  QVector<QPair<graph::NodeId, QPointF>> places;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (size_t i = 0; i < layers[layer].size(); ++i) {
      const double along = double(layer) * step;
      const double across = onGrid((double(i) - double(layers[layer].size() - 1) / 2) * beside);
      places.append({layers[layer][i], down ? QPointF(across, along) : QPointF(along, across)});
    }
  }
  return places;
}

}  // namespace nw::widgets
