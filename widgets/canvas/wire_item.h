#pragma once

#include <QGraphicsItem>
#include <QPainterPath>
#include <QStaticText>

#include "core/graph/graph.h"
#include "widgets/canvas/canvas_scene.h"

namespace nw::widgets {

/// A smooth path from an output at `from` to an input at `to`.
QPainterPath wirePath(QPointF from, QPointF to, FlowDirection direction);

/// A wire with the shape that flows through it as a pill at its middle. In scene coordinates.
class WireItem : public QGraphicsItem {
 public:
  enum { Type = UserType + 2 };

  WireItem(CanvasScene* scene, const graph::Wire& wire);

  const graph::Wire& wire() const { return wire_; }
  QString text() const { return text_; }
  bool wrong() const { return wrong_; }

  void setEnds(QPointF from, QPointF to);
  /// The pill's text (empty: no pill), and whether a problem sits at its end.
  void setFlow(const QString& text, bool wrong);
  /// A dragged block would be inserted here.
  void setDropTarget(bool on);

  int type() const override { return Type; }
  QRectF boundingRect() const override { return bounds_; }
  QPainterPath shape() const override;
  void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

 protected:
  void hoverEnterEvent(QGraphicsSceneHoverEvent* event) override;
  void hoverLeaveEvent(QGraphicsSceneHoverEvent* event) override;

 private:
  QRectF pill() const;
  void updateBounds();
  /// How wide the pill may be.
  qreal pillRoom() const;
  /// How much larger the pill is drawn so that it can be read; 0: not at all.
  qreal pillScale(qreal detail) const;
  void paintPill(QPainter& painter, const QColor& color, qreal scale) const;

  CanvasScene* scene_;
  graph::Wire wire_;
  QPainterPath path_;
  QPointF from_, to_;
  QPointF middle_;
  QRectF bounds_;
  QString text_;
  QStaticText pillText_;
  bool wrong_ = false;
  bool hovered_ = false;
  bool dropTarget_ = false;
};

}  // namespace nw::widgets
