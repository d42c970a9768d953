// What the mouse does in the scene: carrying wires, and telling where nodes were dragged to.
#include <QGraphicsSceneMouseEvent>
#include <QGuiApplication>
#include <QKeyEvent>
#include <QPen>
#include <QStyleHints>

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/node_item.h"
#include "widgets/canvas/wire_drag.h"
#include "widgets/canvas/wire_item.h"

namespace nw::widgets {
namespace {

/// The nodes that `start` reaches along wires (or against them), itself too.
std::set<graph::NodeId> reachable(const graph::Graph& graph, graph::NodeId start, PortSide side) {
  std::multimap<graph::NodeId, graph::NodeId> next;
  for (const graph::Wire& wire : graph.wires) {
    if (side == PortSide::Output) {
      next.emplace(wire.to.node, wire.from.node);  // from an output: what feeds it is closed
    } else {
      next.emplace(wire.from.node, wire.to.node);
    }
  }
  std::set<graph::NodeId> seen{start};
  std::vector<graph::NodeId> open{start};
  while (!open.empty()) {
    const graph::NodeId node = open.back();
    open.pop_back();
    const auto [first, last] = next.equal_range(node);
    for (auto it = first; it != last; ++it) {
      if (seen.insert(it->second).second) open.push_back(it->second);
    }
  }
  return seen;
}

}  // namespace

std::optional<PortRef> CanvasScene::portAt(QPointF at) const {
  const QRectF around(at - QPointF(1, 1), QSizeF(2, 2));
  for (QGraphicsItem* item : items(around, Qt::IntersectsItemBoundingRect)) {
    if (const auto* node = qgraphicsitem_cast<NodeItem*>(item)) {
      if (auto port = node->portNear(at - node->pos())) return port;
    }
  }
  return {};
}

std::optional<PortRef> CanvasScene::targetAt(QPointF at) const {
  const PortSide wanted = drag_->wanted();
  const QRectF around(at - QPointF(4, 4), QSizeF(8, 8));
  for (QGraphicsItem* item : items(around, Qt::IntersectsItemBoundingRect)) {
    const auto* node = qgraphicsitem_cast<NodeItem*>(item);
    if (!node || drag_->closed.count(node->id()) || node->ports(wanted).isEmpty()) continue;
    const auto port = node->portNear(at - node->pos());
    if (port && port->side == wanted) return port;
    // Anywhere on the card means its first free port.
    QString chosen = node->ports(wanted).front();
    for (const QString& name : node->ports(wanted)) {
      if (wanted == PortSide::Output || graph_.wire_into(node->id(), name.toStdString())) continue;
      chosen = name;
      break;
    }
    return PortRef{{node->id(), chosen.toStdString()}, wanted};
  }
  return {};
}

void CanvasScene::beginWire(const PortRef& port, QPointF at) {
  drag_ = std::make_unique<WireDrag>();
  drag_->anchor = port;
  drag_->pressedAt = at;
  const graph::Wire* occupied = port.side == PortSide::Input
                                    ? graph_.wire_into(port.endpoint.node, port.endpoint.port)
                                    : nullptr;
  if (occupied && itemOf(occupied->from.node)) {
    drag_->original = *occupied;
    drag_->anchor = {occupied->from, PortSide::Output};
  }
  drag_->closed = reachable(graph_, drag_->anchor.endpoint.node, drag_->anchor.side);
}

void CanvasScene::showWire() {
  drag_->moved = true;
  drag_->preview = std::make_unique<QGraphicsPathItem>();
  drag_->preview->setPen(QPen(theme_.accent, 2, Qt::SolidLine, Qt::RoundCap));
  drag_->preview->setZValue(2);
  addItem(drag_->preview.get());
  for (NodeItem* item : std::as_const(nodes_)) {
    if (!drag_->closed.count(item->id())) item->setOffered(drag_->wanted());
  }
  if (drag_->original) wires_.at(keyOf(*drag_->original))->setVisible(false);
}

void CanvasScene::moveWire(QPointF at) {
  const bool output = drag_->anchor.side == PortSide::Output;
  if (!drag_->moved) {
    const int slack = QGuiApplication::styleHints()->startDragDistance() / 2;
    if ((at - drag_->pressedAt).manhattanLength() < slack) return;
    showWire();
  }
  if (drag_->target) itemOf(drag_->target->endpoint.node)->setHoveredPort({});
  drag_->target = targetAt(at);
  QPointF end = at;
  if (drag_->target) {
    itemOf(drag_->target->endpoint.node)->setHoveredPort(drag_->target);
    end = portPoint(drag_->target->endpoint, !output);
  }
  const QPointF start = portPoint(drag_->anchor.endpoint, output);
  drag_->preview->setPath(output ? wirePath(start, end, direction_)
                                 : wirePath(end, start, direction_));
}

std::unique_ptr<WireDrag> CanvasScene::endWire() {
  std::unique_ptr<WireDrag> drag = std::move(drag_);
  if (!drag) return nullptr;
  drag->preview.reset();
  if (drag->original) {
    const auto hidden = wires_.find(keyOf(*drag->original));
    if (hidden != wires_.end()) hidden->second->setVisible(true);
  }
  for (NodeItem* item : std::as_const(nodes_)) {
    item->setOffered({});
    item->setHoveredPort({});
  }
  return drag;
}

void CanvasScene::dropWire(QPointF at) {
  const std::unique_ptr<WireDrag> drag = endWire();
  if (!drag->moved) return;
  if (drag->target) {
    const graph::Wire wire = drag->to(drag->target->endpoint);
    if (!drag->original) {
      emit connectRequested(wire.from, wire.to);
    } else if (!(wire == *drag->original)) {
      emit rewireRequested(*drag->original, wire);
    }
  } else if (drag->original) {
    emit disconnectRequested(*drag->original);
  } else if (!nodeUnder(at)) {
    emit searchRequested(at, drag->to({graph::kNoNode, ""}));
  }
}

NodeItem* CanvasScene::nodeUnder(QPointF at) const {
  for (QGraphicsItem* item : items(at)) {
    if (auto* node = qgraphicsitem_cast<NodeItem*>(item)) return node;
  }
  return nullptr;
}

void CanvasScene::mousePressEvent(QGraphicsSceneMouseEvent* event) {
  finishMotions();
  if (event->button() == Qt::LeftButton && !drag_) {
    const NodeItem* node = nodeUnder(event->scenePos());
    if (node && node->badgeNear(event->scenePos() - node->pos())) {
      event->accept();
      emit problemsRequested(node->id());
      return;
    }
    if (const auto port = portAt(event->scenePos())) {
      beginWire(*port, event->scenePos());
      event->accept();
      return;
    }
  }
  QGraphicsScene::mousePressEvent(event);
}

void CanvasScene::mouseMoveEvent(QGraphicsSceneMouseEvent* event) {
  if (!drag_) return QGraphicsScene::mouseMoveEvent(event);
  moveWire(event->scenePos());
  event->accept();
}

void CanvasScene::mouseReleaseEvent(QGraphicsSceneMouseEvent* event) {
  if (drag_ && event->button() == Qt::LeftButton) {
    dropWire(event->scenePos());
    event->accept();
    return;
  }
  QGraphicsScene::mouseReleaseEvent(event);
  if (event->button() == Qt::LeftButton) requestMoves();
}

void CanvasScene::requestMoves() {
  QVector<QPair<graph::NodeId, QPointF>> moves;
  for (graph::NodeId id : selectedIds()) {
    const graph::Node* node = graph_.find(id);
    const QPointF at = itemOf(id)->pos();
    if (at != QPointF(node->x, node->y)) moves.append({id, at});
  }
  if (moves.isEmpty()) return;
  emit moveRequested(moves);
  // The document has answered by setGraph, or it refused: show what it holds.
  for (const auto& [id, at] : moves) {
    const graph::Node* node = graph_.find(id);
    if (node) itemOf(id)->setPos(node->x, node->y);
  }
}

void CanvasScene::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && drag_) {
    endWire();
    event->accept();
    return;
  }
  QGraphicsScene::keyPressEvent(event);
}

}  // namespace nw::widgets
