#pragma once

#include <QGraphicsPathItem>
#include <memory>
#include <set>

#include "widgets/canvas/node_item.h"

namespace nw::widgets {

/// A wire in the hand: one end fixed at `anchor`, the other under the pointer.
struct WireDrag {
  PortRef anchor;
  std::optional<graph::Wire> original;  // the wire that was picked up, if one was
  QPointF pressedAt;
  bool moved = false;
  std::set<graph::NodeId> closed;  // nodes that would close a circle
  std::optional<PortRef> target;   // where it would go now
  std::unique_ptr<QGraphicsPathItem> preview;

  /// The wire from the anchor to `port`, whichever way it was dragged.
  graph::Wire to(const graph::Endpoint& port) const {
    return anchor.side == PortSide::Output ? graph::Wire{anchor.endpoint, port}
                                           : graph::Wire{port, anchor.endpoint};
  }
  PortSide wanted() const {
    return anchor.side == PortSide::Output ? PortSide::Input : PortSide::Output;
  }
};

}  // namespace nw::widgets
