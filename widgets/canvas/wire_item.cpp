#include "widgets/canvas/wire_item.h"

#include <QPainter>
#include <QStyleOptionGraphicsItem>
#include <algorithm>
#include <cmath>

#include "widgets/canvas/detail.h"
#include "widgets/canvas/node_item.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr qreal kReach = 6;  // a click this far from the line still means it
constexpr qreal kPillHeight = 18;
constexpr qreal kTextPx = Theme::kSecondaryPx;
constexpr qreal kLaneRoom = 96;  // between the columns of a drawing
constexpr qreal kWireSeen = 2;   // px of the screen
constexpr qreal kLead = 24;      // how far a wire that runs back keeps its direction at both ends
constexpr qreal kCorner = 12;

/// Straight pieces through `points` with round corners.
QPainterPath roundedPath(const QVector<QPointF>& points) {
  QPainterPath path(points.front());
  for (qsizetype i = 1; i + 1 < points.size(); ++i) {
    const QLineF before(points[i], points[i - 1]);
    const QLineF after(points[i], points[i + 1]);
    const qreal corner = std::min({kCorner, before.length() / 2, after.length() / 2});
    if (corner <= 0) continue;
    path.lineTo(before.pointAt(corner / before.length()));
    path.quadTo(points[i], after.pointAt(corner / after.length()));
  }
  path.lineTo(points.back());
  return path;
}

/// The way of a wire whose input lies before its output: out, along a lane between the cards (or
/// beside them where there is no room between), and in. `along` is the direction of the flow.
QPainterPath returningPath(QPointF from, QPointF to, FlowDirection direction) {
  const bool down = direction == FlowDirection::TopToBottom;
  const auto point = [down](qreal along, qreal across) {
    return down ? QPointF(across, along) : QPointF(along, across);
  };
  const qreal breadth = down ? NodeItem::kWidth : NodeItem::kHeight;
  const qreal start = down ? from.x() : from.y();
  const qreal end = down ? to.x() : to.y();
  const bool between = std::abs(end - start) >= breadth + 2 * kCorner;
  const qreal lane = between ? (start + end) / 2 : std::max(start, end) + breadth / 2 + kLead;
  const qreal out = (down ? from.y() : from.x()) + kLead;
  const qreal in = (down ? to.y() : to.x()) - kLead;
  return roundedPath(
      {from, point(out, start), point(out, lane), point(in, lane), point(in, end), to});
}

}  // namespace

QPainterPath wirePath(QPointF from, QPointF to, FlowDirection direction) {
  const bool down = direction == FlowDirection::TopToBottom;
  const qreal along = down ? to.y() - from.y() : to.x() - from.x();
  if (along < 0) return returningPath(from, to, direction);
  const qreal across = down ? to.x() - from.x() : to.y() - from.y();
  const qreal bend = std::max(along / 2, std::min(kLead, std::abs(across)));
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
  middle_ = path.pointAtPercent(0.5);
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
  // From afar the pill is larger.
  const qreal most = kFarTextPx / (kTextPx * kPillDetail);
  QRectF box(QPointF(), pill().size() * most);
  box.moveCenter(middle_);
  bounds_ = path_.boundingRect().adjusted(-kReach, -kReach, kReach, kReach) | box;
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
  const qreal scale = pillScale(detail);
  if (scale > 0) paintPill(*painter, color, scale);
}

qreal WireItem::pillRoom() const {
  const bool down = scene_->flowDirection() == FlowDirection::TopToBottom;
  const qreal along = down ? to_.y() - from_.y() : to_.x() - from_.x();
  if (along < 0) return kLaneRoom;
  return down ? NodeItem::kWidth : along;
}

qreal WireItem::pillScale(qreal detail) const {
  if (text_.isEmpty() || detail < kPillDetail) return 0;
  if (detail >= kTextDetail) return 1;
  const qreal wanted = kFarTextPx / (kTextPx * detail);
  const qreal scale = std::min(wanted, std::max(1.0, pillRoom() / pill().width()));
  // Short wires stay seen at both sides of it.
  const qreal length = std::hypot(to_.x() - from_.x(), to_.y() - from_.y());
  const bool fits = scale * kPillHeight + 2 * kWireSeen / detail <= length;
  return fits && scale * kTextPx * detail >= kLeastTextPx ? scale : 0;
}

void WireItem::paintPill(QPainter& painter, const QColor& color, qreal scale) const {
  const Theme& theme = scene_->theme();
  painter.save();
  painter.translate(middle_);
  painter.scale(scale, scale);
  painter.translate(-middle_);
  const QRectF box = pill();
  painter.setPen(QPen(wrong_ || isSelected() || dropTarget_ ? color : theme.line, theme.lineWidth));
  painter.setBrush(theme.canvas);
  painter.drawRoundedRect(box, kPillHeight / 2, kPillHeight / 2);
  painter.setPen(wrong_ ? theme.error : theme.secondary);
  painter.setFont(scene_->smallFont());
  const QSizeF size = pillText_.size();
  painter.drawStaticText(
      QPointF(box.center().x() - size.width() / 2, box.center().y() - size.height() / 2),
      pillText_);
  painter.restore();
}

}  // namespace nw::widgets
