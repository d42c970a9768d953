#include "widgets/canvas/port_label.h"

#include <QPainter>

#include "widgets/canvas/canvas_scene.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr qreal kHeight = 20, kAway = 12, kMargin = 6;

}  // namespace

PortLabel::PortLabel(const CanvasScene& scene, const QString& text, bool above,
                     QGraphicsItem* parent)
    : QGraphicsItem(parent), scene_(scene), text_(text) {
  const qreal width = QFontMetricsF(scene.smallFont()).horizontalAdvance(text) + 2 * kMargin;
  box_ = QRectF(-width / 2, above ? -kAway - kHeight : kAway, width, kHeight);
  setFlag(ItemIgnoresTransformations);
  setAcceptedMouseButtons(Qt::NoButton);
  setZValue(3);
}

QRectF PortLabel::boundingRect() const {
  return box_.adjusted(-1, -1, 1, 1);
}

void PortLabel::paint(QPainter* painter, const QStyleOptionGraphicsItem*, QWidget*) {
  const Theme& theme = scene_.theme();
  painter->setRenderHint(QPainter::Antialiasing);
  painter->setPen(QPen(theme.line, theme.lineWidth));
  painter->setBrush(theme.card);
  painter->drawRoundedRect(box_, Theme::kRadius, Theme::kRadius);
  painter->setPen(theme.text);
  painter->setFont(scene_.smallFont());
  painter->drawText(box_, Qt::AlignCenter, text_);
}

}  // namespace nw::widgets
