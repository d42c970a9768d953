#pragma once

#include <QGraphicsItem>
#include <QStaticText>
#include <QStringList>
#include <memory>
#include <vector>

#include "core/graph/infer.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/port_label.h"

namespace nw::widgets {

enum class PortSide { Input, Output };

/// A port as the scene finds it under the pointer.
struct PortRef {
  graph::Endpoint endpoint;
  PortSide side = PortSide::Input;
  friend bool operator==(const PortRef&, const PortRef&) = default;
};

/// The card of one node: stripe, icon, name, caption, ports and badge. One item per node (ports are
/// painted and hit-tested here), so that thousands stay cheap. Positioned by its centre.
class NodeItem : public QGraphicsItem {
 public:
  enum { Type = UserType + 1 };
  static constexpr qreal kWidth = 184, kHeight = 48;
  static constexpr qreal kPortReach = 12;  // a port answers within this distance

  NodeItem(CanvasScene* scene, graph::NodeId id);

  graph::NodeId id() const { return id_; }
  QString title() const { return title_; }
  QString caption() const { return caption_; }
  bool knowsBlock() const { return known_; }
  const QColor& categoryColor() const { return color_; }
  const QVector<graph::Problem>& problems() const { return problems_; }
  /// One sentence for screen readers.
  QString spoken() const;

  /// What the graph says; setInfo follows. `inputs`, `outputs`: ports that wires name; they matter
  /// where the block is unknown.
  void setNode(const graph::Node& node, const QStringList& inputs, const QStringList& outputs);
  /// What inference says; null: nothing is known.
  void setInfo(const graph::NodeInfo* info, const QVector<graph::Problem>& problems);

  void themeChanged();

  const QStringList& ports(PortSide side) const {
    return side == PortSide::Input ? inputs_ : outputs_;
  }
  /// Centre of a port, in the item's coordinates; port names that are not there give the first's.
  QPointF portCentre(PortSide side, const QString& port) const;
  /// The port within reach of a point (item's coordinates).
  std::optional<PortRef> portNear(QPointF at) const;
  bool badgeNear(QPointF at) const;

  /// Ports of this side may take the wire that is being dragged.
  void setOffered(std::optional<PortSide> side);
  void setHoveredPort(const std::optional<PortRef>& port);

  int type() const override { return Type; }
  QRectF boundingRect() const override;
  QPainterPath shape() const override;
  void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

 protected:
  QVariant itemChange(GraphicsItemChange change, const QVariant& value) override;
  void hoverMoveEvent(QGraphicsSceneHoverEvent* event) override;
  void hoverLeaveEvent(QGraphicsSceneHoverEvent* event) override;

 private:
  QPointF portCentre(PortSide side, int index) const;
  /// Whether a port may stay unwired, by the block's description.
  bool isOptional(PortSide side, int index) const;
  /// Where a port stands along the card's edge, from 0 to 1.
  qreal portShare(PortSide side, int index) const;
  QString tipAt(QPointF at) const;
  graph::Severity worst() const;
  void layOutText();
  void layOutFarText(qreal detail);
  void paintCard(QPainter& painter, qreal detail) const;
  void paintFarCard(QPainter& painter) const;
  void paintText(QPainter& painter) const;
  /// Where icon and details are too small to be read: the name, and the caption if there is room.
  void paintFarText(QPainter& painter) const;
  void paintPorts(QPainter& painter) const;
  void paintBadge(QPainter& painter) const;

  CanvasScene* scene_;
  graph::NodeId id_;
  graph::Node node_;
  bool known_ = false;
  bool textIsOld_ = true;  // laid out when it is painted next
  QString title_, name_, caption_, iconName_, summary_;
  QString ownName_, ownCaption_;  // before inference
  QColor color_, ink_;
  QStringList inputs_, outputs_, flows_;
  std::vector<bool> optionalInputs_, optionalOutputs_;
  QVector<graph::Problem> problems_;
  QStaticText titleText_, nameText_, captionText_;
  int farNamePx_ = 0, farCaptionPx_ = 0;  // sizes for which the far text is laid out; 0: none
  QStaticText farNameText_, farCaptionText_;
  QFont farNameFont_, farCaptionFont_;
  std::optional<PortSide> offered_;
  std::optional<PortRef> hoveredPort_;
  std::unique_ptr<PortLabel> portLabel_;  // beside the hovered port of a side that has several
  bool hovered_ = false;
};

}  // namespace nw::widgets
