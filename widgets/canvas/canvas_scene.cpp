#include "widgets/canvas/canvas_scene.h"

#include <QGuiApplication>
#include <QVariantAnimation>
#include <algorithm>
#include <cmath>
#include <set>

#include "widgets/canvas/layout.h"
#include "widgets/canvas/node_item.h"
#include "widgets/canvas/wire_drag.h"
#include "widgets/canvas/wire_item.h"

namespace nw::widgets {
namespace {

constexpr qreal kNoticed = 24;  // px; a shorter way needs no motion to be followed

/// The ports that wires name at each node, for blocks that this program does not know.
struct NamedPorts {
  QStringList inputs, outputs;
};

QHash<graph::NodeId, NamedPorts> namedPorts(const graph::Graph& graph) {
  QHash<graph::NodeId, NamedPorts> ports;
  const auto note = [](QStringList& list, const std::string& port) {
    const QString name = QString::fromStdString(port);
    if (!list.contains(name)) list << name;
  };
  for (const graph::Wire& wire : graph.wires) {
    note(ports[wire.from.node].outputs, wire.from.port);
    note(ports[wire.to.node].inputs, wire.to.port);
  }
  return ports;
}

}  // namespace

CanvasScene::CanvasScene(QObject* parent)
    : QGraphicsScene(parent),
      theme_(Theme::fromPalette(QGuiApplication::palette())),
      titleFont_(uiFont(Theme::kBasePx, QFont::DemiBold)),
      smallFont_(uiFont(Theme::kSecondaryPx)) {
  connect(this, &QGraphicsScene::selectionChanged, this, [this] {
    const QVector<graph::NodeId> ids = selectedIds();
    if (ids == lastSelection_) return;
    lastSelection_ = ids;
    emit selectionIdsChanged(ids);
  });
}

CanvasScene::~CanvasScene() {
  // Items go first: they look things up in the members below.
  disconnect(this, nullptr, this, nullptr);
  drag_.reset();
  clear();
}

CanvasScene::WireKey CanvasScene::keyOf(const graph::Wire& wire) {
  return {wire.from.node, wire.from.port, wire.to.node, wire.to.port};
}

void CanvasScene::setTheme(const Theme& theme) {
  theme_ = theme;
  for (NodeItem* item : std::as_const(nodes_)) item->themeChanged();
  update();
}

void CanvasScene::setGraph(const graph::Graph& graph) {
  endWire();
  setDropWire({});
  graph_ = graph;
  reconcileNodes();
  reconcileWires();
  showInfo();
  updateExtent();
  filled_ = !graph_.nodes.empty();
  emit shown();
}

void CanvasScene::reconcileNodes() {
  const QHash<graph::NodeId, NamedPorts> ports = namedPorts(graph_);
  std::set<graph::NodeId> present;
  for (const graph::Node& node : graph_.nodes) {
    present.insert(node.id);
    NodeItem*& item = nodes_[node.id];
    const bool fresh = item == nullptr;
    if (fresh) {
      item = new NodeItem(this, node.id);
      addItem(item);
    }
    const NamedPorts named = ports.value(node.id);
    item->setNode(node, named.inputs, named.outputs);
    place(item, {node.x, node.y}, filled_ && !fresh);
  }
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    if (present.count(it.key())) {
      ++it;
      continue;
    }
    NodeItem* gone = it.value();
    it = nodes_.erase(it);
    delete gone;
  }
}

void CanvasScene::place(NodeItem* item, QPointF at, bool animated) {
  if (QVariantAnimation* running = motions_.take(item->id())) running->stop();
  const QPointF way = at - item->pos();
  if (way.isNull()) return;
  if (!animated || way.manhattanLength() < kNoticed || !motionAllowed()) return item->setPos(at);
  auto* motion = new QVariantAnimation(this);
  motion->setDuration(Theme::kMotionMs);
  motion->setEasingCurve(QEasingCurve::OutCubic);
  motion->setStartValue(item->pos());
  motion->setEndValue(at);
  connect(motion, &QVariantAnimation::valueChanged, this,
          [this, id = item->id()](const QVariant& value) {
            if (NodeItem* moving = itemOf(id)) moving->setPos(value.toPointF());
          });
  motions_[item->id()] = motion;
  motion->start(QAbstractAnimation::DeleteWhenStopped);
}

void CanvasScene::finishMotions() {
  for (const QPointer<QVariantAnimation>& motion : std::exchange(motions_, {})) {
    if (motion) motion->setCurrentTime(motion->totalDuration());
  }
}

void CanvasScene::reconcileWires() {
  std::set<WireKey> present;
  wiresAt_.clear();
  for (const graph::Wire& wire : graph_.wires) {
    if (!itemOf(wire.from.node) || !itemOf(wire.to.node)) continue;
    present.insert(keyOf(wire));
    WireItem*& item = wires_[keyOf(wire)];
    if (!item) {
      item = new WireItem(this, wire);
      addItem(item);
    }
    wiresAt_[wire.from.node] << item;
    wiresAt_[wire.to.node] << item;
  }
  for (auto it = wires_.begin(); it != wires_.end();) {
    if (present.count(it->first)) {
      it->second->setEnds(portPoint(it->second->wire().from, true),
                          portPoint(it->second->wire().to, false));
      ++it;
      continue;
    }
    delete it->second;
    it = wires_.erase(it);
  }
}

void CanvasScene::setInference(const graph::Inference& inference) {
  inference_ = inference;
  showInfo();
  emit shown();
}

void CanvasScene::showInfo() {
  QHash<graph::NodeId, QVector<graph::Problem>> problems;
  std::set<std::pair<graph::NodeId, std::string>> wrongPorts;
  for (const graph::Problem& problem : inference_.problems) {
    problems[problem.node] << problem;
    if (!problem.port.empty() && problem.severity == graph::Severity::Error) {
      wrongPorts.insert({problem.node, problem.port});
    }
  }
  const auto infoOf = [this](graph::NodeId id) -> const graph::NodeInfo* {
    const auto found = inference_.nodes.find(id);
    return found == inference_.nodes.end() ? nullptr : &found->second;
  };
  for (NodeItem* item : std::as_const(nodes_)) {
    item->setInfo(infoOf(item->id()), problems.value(item->id()));
  }
  for (const auto& [key, item] : wires_) {
    const graph::Wire& wire = item->wire();
    QString text;
    const graph::NodeInfo* info = infoOf(wire.from.node);
    const qsizetype port = itemOf(wire.from.node)
                               ->ports(PortSide::Output)
                               .indexOf(QString::fromStdString(wire.from.port));
    if (info && port >= 0 && size_t(port) < info->outputs.size()) {
      text = QString::fromStdString(info->outputs[size_t(port)].text);
    }
    item->setFlow(text, wrongPorts.count({wire.to.node, wire.to.port}) > 0);
  }
}

void CanvasScene::setFlowDirection(FlowDirection direction) {
  if (direction_ == direction) return;
  direction_ = direction;
  reconcileWires();
  update();
  emit shown();
}

void CanvasScene::updateExtent() {
  extent_ = {};
  for (const graph::Node& node : graph_.nodes) {
    extent_ |= QRectF(node.x - NodeItem::kWidth / 2, node.y - NodeItem::kHeight / 2,
                      NodeItem::kWidth, NodeItem::kHeight);
  }
  setSceneRect(extent_.adjusted(-200, -200, 200, 200));
}

NodeItem* CanvasScene::itemOf(graph::NodeId id) const {
  return nodes_.value(id);
}

const NodeItem* CanvasScene::nodeItem(graph::NodeId id) const {
  return itemOf(id);
}

const WireItem* CanvasScene::wireItem(const graph::Wire& wire) const {
  const auto found = wires_.find(keyOf(wire));
  return found == wires_.end() ? nullptr : found->second;
}

QPointF CanvasScene::portPoint(const graph::Endpoint& port, bool output) const {
  const NodeItem* item = itemOf(port.node);
  return item->pos() + item->portCentre(output ? PortSide::Output : PortSide::Input,
                                        QString::fromStdString(port.port));
}

void CanvasScene::followNode(graph::NodeId id) {
  for (WireItem* wire : wiresAt_.value(id)) {
    wire->setEnds(portPoint(wire->wire().from, true), portPoint(wire->wire().to, false));
  }
}

QVector<graph::NodeId> CanvasScene::selectedIds() const {
  QVector<graph::NodeId> ids;
  for (const QGraphicsItem* item : selectedItems()) {
    if (const auto* node = qgraphicsitem_cast<const NodeItem*>(item)) ids << node->id();
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

QVector<graph::Wire> CanvasScene::selectedWires() const {
  QVector<graph::Wire> wires;
  for (const auto& [key, item] : wires_) {
    if (item->isSelected()) wires << item->wire();
  }
  return wires;
}

void CanvasScene::setSelectedIds(const QVector<graph::NodeId>& ids) {
  {
    const QSignalBlocker quiet(this);  // one change, told once
    clearSelection();
    for (graph::NodeId id : ids) {
      if (NodeItem* item = itemOf(id)) item->setSelected(true);
    }
  }
  emit selectionChanged();
}

void CanvasScene::selectAll() {
  const QList<graph::NodeId> ids = nodes_.keys();
  setSelectedIds({ids.begin(), ids.end()});
}

void CanvasScene::removeSelection() {
  const QVector<graph::NodeId> nodes = selectedIds();
  const QVector<graph::Wire> wires = selectedWires();
  if (!nodes.isEmpty() || !wires.isEmpty()) emit removeRequested(nodes, wires);
}

void CanvasScene::nudgeSelection(QPointF offset) {
  QVector<QPair<graph::NodeId, QPointF>> moves;
  for (graph::NodeId id : selectedIds()) {
    const graph::Node* node = graph_.find(id);
    moves.append({id, QPointF(node->x, node->y) + offset});
  }
  if (!moves.isEmpty()) emit moveRequested(moves);
}

void CanvasScene::arrange() {
  QVector<QPair<graph::NodeId, QPointF>> moves = arranged(graph_, direction_);
  moves.removeIf([this](const QPair<graph::NodeId, QPointF>& move) {
    const graph::Node* node = graph_.find(move.first);
    return QPointF(node->x, node->y) == move.second;
  });
  if (!moves.isEmpty()) emit moveRequested(moves);
}

std::optional<QRectF> CanvasScene::nodeRect(graph::NodeId id) const {
  const NodeItem* item = itemOf(id);
  if (!item) return {};
  return QRectF(item->pos() - QPointF(NodeItem::kWidth, NodeItem::kHeight) / 2,
                QSizeF(NodeItem::kWidth, NodeItem::kHeight));
}

std::optional<QPointF> CanvasScene::portPosition(const graph::Endpoint& port) const {
  const NodeItem* item = itemOf(port.node);
  if (!item) return {};
  const QString name = QString::fromStdString(port.port);
  for (PortSide side : {PortSide::Input, PortSide::Output}) {
    if (item->ports(side).contains(name)) return item->pos() + item->portCentre(side, name);
  }
  return {};
}

std::optional<graph::Wire> CanvasScene::wireAt(QPointF at) const {
  const QRectF around(at - QPointF(8, 8), QSizeF(16, 16));
  for (const QGraphicsItem* item : items(around, Qt::IntersectsItemShape)) {
    if (const auto* wire = qgraphicsitem_cast<const WireItem*>(item)) return wire->wire();
  }
  return {};
}

QPointF CanvasScene::freePlace(QPointF near) const {
  const auto snapped = [](QPointF at) {
    return QPointF(std::round(at.x() / Theme::kGrid), std::round(at.y() / Theme::kGrid)) *
           Theme::kGrid;
  };
  const QPointF step = direction_ == FlowDirection::TopToBottom
                           ? QPointF(0, kLayerStep)
                           : QPointF(NodeItem::kWidth + kPillRoom, 0);
  QPointF at = snapped(near);
  const auto taken = [this](QPointF place) {
    return std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const graph::Node& node) {
      return std::abs(node.x - place.x()) < NodeItem::kWidth + Theme::kGrid &&
             std::abs(node.y - place.y()) < NodeItem::kHeight + Theme::kGrid;
    });
  };
  while (taken(at)) at += step;
  return at;
}

void CanvasScene::setDropWire(const std::optional<graph::Wire>& wire) {
  WireItem* next = nullptr;
  if (wire) {
    const auto found = wires_.find(keyOf(*wire));
    if (found != wires_.end()) next = found->second;
  }
  if (next == dropWire_) return;
  if (dropWire_) dropWire_->setDropTarget(false);
  dropWire_ = next;
  if (next) next->setDropTarget(true);
}

}  // namespace nw::widgets
