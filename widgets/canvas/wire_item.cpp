#include "widgets/canvas/wire_item.h"

#include <QPainter>
#include <QStyleOptionGraphicsItem>
#include <cmath>

#include "widgets/canvas/detail.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr qreal kReach = 6;  // a click this far from the line still means it
constexpr qreal kPillHeight = 18;

}  // namespace

QPainterPath wirePath(QPointF from, QPointF to, FlowDirection direction) {
  const bool down = direction == FlowDirection::TopToBottom;
  const qreal along = down ? to.y() - from.y() : to.x() - from.x();
  const qreal across = down ? to.x() - from.x() : to.y() - from.y();
  // A wire that runs back swings out far enough to be seen beside the cards.
  const qreal bend = along >= 0 ? std::max(along / 2, std::min(24.0, std::abs(across)))
                                : std::min(160.0, 40 - along / 2);
  const QPointF arm = down ? QPointF(0, bend) : QPointF(bend, 0);
  QPainterPath path(from);
  path.cubicTo(from + arm, to - arm, to);
  return path;
}

WireItem::WireItem(CanvasScene* scene, const graph::Wire& wire) : scene_(scene), wire_(wire) {
  setFlag(ItemIsSelectable);
  setAcceptHoverEvents(true);
  setZValue(-1);
}

void WireItem::setEnds(QPointF from, QPointF to) {
  const QPainterPath path = wirePath(from, to, scene_->flowDirection());
  if (path == path_) return;
  prepareGeometryChange();
  path_ = path;
  from_ = from;
  to_ = to;
  middle_ = (from + to) / 2;  // the curve is symmetric
  updateBounds();
}

void WireItem::setFlow(const QString& text, bool wrong) {
  if (text == text_ && wrong == wrong_) return;
  prepareGeometryChange();
  text_ = text;
  wrong_ = wrong;
  pillText_.setTextFormat(Qt::PlainText);
  pillText_.setText(text);
  pillText_.prepare({}, scene_->smallFont());
  updateBounds();
  update();
}

void WireItem::setDropTarget(bool on) {
  if (dropTarget_ == on) return;
  dropTarget_ = on;
  update();
}

QRectF WireItem::pill() const {
  if (text_.isEmpty()) return {};
  const qreal width = pillText_.size().width() + 14;
  return QRectF(middle_.x() - width / 2, middle_.y() - kPillHeight / 2, width, kPillHeight);
}

void WireItem::updateBounds() {
  bounds_ = path_.boundingRect().adjusted(-kReach, -kReach, kReach, kReach) |
            pill().adjusted(-2, -2, 2, 2);
}

QPainterPath WireItem::shape() const {
  QPainterPathStroker stroker;
  stroker.setWidth(2 * kReach);
  QPainterPath outline = stroker.createStroke(path_);
  outline.setFillRule(Qt::WindingFill);
  outline.addRect(pill());
  return outline;
}

void WireItem::hoverEnterEvent(QGraphicsSceneHoverEvent*) {
  hovered_ = true;
  update();
}

void WireItem::hoverLeaveEvent(QGraphicsSceneHoverEvent*) {
  hovered_ = false;
  update();
}

void WireItem::paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget*) {
  const Theme& theme = scene_->theme();
  const qreal detail = option->levelOfDetailFromTransform(painter->worldTransform());
  const bool strong = isSelected() || dropTarget_;
  const QColor color = strong     ? theme.accent
                       : wrong_   ? theme.error
                       : hovered_ ? theme.secondary
                                  : theme.wire;
  const qreal width = strong ? 3 : 2;
  painter->setRenderHint(QPainter::Antialiasing, detail >= kPortDetail);
  if (detail < kPortDetail) {  // from afar a straight line of one pixel tells as much
    painter->setPen(QPen(color, 0));
    painter->drawLine(from_, to_);
    return;
  }
  // From afar a line stays a line: never thinner than one pixel of the screen.
  painter->setPen(QPen(color, std::max(width, 1 / detail),
                       wrong_ && theme.highContrast ? Qt::DashLine : Qt::SolidLine));
  painter->setBrush(Qt::NoBrush);
  painter->drawPath(path_);
  if (!text_.isEmpty() && detail >= kPillDetail) {
    paintPill(*painter, color, detail >= kTextDetail);
  }
}

void WireItem::paintPill(QPainter& painter, const QColor& color, bool withText) const {
  const Theme& theme = scene_->theme();
  const QRectF box = pill();
  painter.setPen(QPen(wrong_ || isSelected() || dropTarget_ ? color : theme.line, theme.lineWidth));
  painter.setBrush(theme.canvas);
  painter.drawRoundedRect(box, kPillHeight / 2, kPillHeight / 2);
  if (!withText) return;
  painter.setPen(wrong_ ? theme.error : theme.secondary);
  painter.setFont(scene_->smallFont());
  const QSizeF size = pillText_.size();
  painter.drawStaticText(
      QPointF(box.center().x() - size.width() / 2, box.center().y() - size.height() / 2),
      pillText_);
}

}  // namespace nw::widgets
