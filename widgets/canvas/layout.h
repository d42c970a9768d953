#pragma once

#include <QPair>
#include <QPointF>
#include <QVector>

#include "widgets/canvas/canvas_scene.h"

namespace nw::widgets {

inline constexpr double kLayerStep = 96;  // from card to card down the flow, px
inline constexpr double kPillRoom = 120;  // between cards side by side, so that a pill fits

/// A tidy place for every node: layers along the flow by longest path, each centred, ordered so
/// that wires cross little. Nodes on a circle keep to a layer of their own at the end. On the grid.
QVector<QPair<graph::NodeId, QPointF>> arranged(const graph::Graph& graph, FlowDirection direction);

}  // namespace nw::widgets
