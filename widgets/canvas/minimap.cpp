#include "widgets/canvas/minimap.h"

#include <QMouseEvent>
#include <QPainter>

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/node_item.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

Minimap::Minimap(CanvasView* view) : QWidget(view), view_(view) {
  setAccessibleName(tr("Overview"));
  setToolTip(tr("The whole network; drag to move the part in sight"));
  setCursor(Qt::PointingHandCursor);
  setAttribute(Qt::WA_OpaquePaintEvent, false);
}

QRectF Minimap::inSight() const {
  return view_->mapToScene(view_->viewport()->rect()).boundingRect();
}

QTransform Minimap::toMap() const {
  const QRectF whole = view_->canvas()->sceneRect() | inSight();
  const QRectF room = QRectF(rect()).adjusted(6, 6, -6, -6);
  const qreal scale = std::min(room.width() / whole.width(), room.height() / whole.height());
  QTransform transform;
  transform.translate(room.center().x(), room.center().y());
  transform.scale(scale, scale);
  transform.translate(-whole.center().x(), -whole.center().y());
  return transform;
}

void Minimap::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  const CanvasScene& scene = *view_->canvas();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme.line, theme.lineWidth));
  painter.setBrush(theme.window);
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), Theme::kRadius,
                          Theme::kRadius);
  painter.setClipRect(rect().adjusted(2, 2, -2, -2));
  const QTransform map = toMap();
  painter.setPen(QPen(theme.wire, 1));
  const auto place = [](const graph::Node& node) { return QPointF(node.x, node.y); };
  for (const graph::Wire& wire : scene.graph().wires) {
    const graph::Node* from = scene.graph().find(wire.from.node);
    const graph::Node* to = scene.graph().find(wire.to.node);
    if (from && to) painter.drawLine(map.map(place(*from)), map.map(place(*to)));
  }
  painter.setPen(Qt::NoPen);
  for (const graph::Node& node : scene.graph().nodes) {
    const NodeItem* item = scene.nodeItem(node.id);
    const QSizeF size(NodeItem::kWidth * map.m11(), std::max(2.0, NodeItem::kHeight * map.m22()));
    painter.setBrush(item->isSelected() ? theme.accent : item->categoryColor());
    painter.drawRect(QRectF(map.map(place(node)) - QPointF(size.width(), size.height()) / 2, size));
  }
  QColor veil = theme.accent;
  veil.setAlphaF(0.08f);
  painter.setPen(QPen(theme.accent, 1.5));
  painter.setBrush(veil);
  painter.drawRoundedRect(map.mapRect(inSight()), 2, 2);
}

void Minimap::mousePressEvent(QMouseEvent* event) {
  view_->centerOn(toMap().inverted().map(event->position()));
}

void Minimap::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons() & Qt::LeftButton) mousePressEvent(event);
}

}  // namespace nw::widgets
