#include "widgets/charts/crosshair.h"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>

#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr qreal kPadding = 8;
constexpr qreal kGap = 12;  // between the hairline and the card
constexpr qreal kSwatch = 8;

}  // namespace

Crosshair::Crosshair(QWidget* parent) : QWidget(parent) {
  setAttribute(Qt::WA_TransparentForMouseEvents);
  setAttribute(Qt::WA_NoSystemBackground);
}

void Crosshair::showAt(qreal x, const QRectF& area, const QString& title,
                       const QVector<Line>& lines) {
  shown_ = true;
  x_ = x;
  area_ = area;
  title_ = title;
  lines_ = lines;
  update();
}

void Crosshair::clear() {
  if (!shown_) return;
  shown_ = false;
  title_.clear();
  lines_.clear();
  update();
}

void Crosshair::paintEvent(QPaintEvent*) {
  if (!shown_) return;
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme.wire, theme.lineWidth));
  painter.drawLine(QPointF(x_, area_.top()), QPointF(x_, area_.bottom()));
  for (const Line& line : lines_) {
    if (!line.dot || !area_.adjusted(-1, -1, 1, 1).contains(*line.dot)) continue;
    painter.setPen(QPen(theme.window, 2));
    painter.setBrush(line.color);
    painter.drawEllipse(*line.dot, 4, 4);
  }
  paintCard(painter);
}

void Crosshair::paintCard(QPainter& painter) {
  const Theme theme = Theme::of(this);
  const QFontMetricsF metrics(uiFont(Theme::kSecondaryPx));
  qreal names = 0, values = 0;
  for (const Line& line : lines_) {
    names = std::max(names, metrics.horizontalAdvance(line.name) + kSwatch + 6);
    values = std::max(values, metrics.horizontalAdvance(line.value));
  }
  const qreal inner = std::max(names + kGap + values, metrics.horizontalAdvance(title_));
  const qreal lineHeight = metrics.height() + 3;
  QRectF card(x_ + kGap, area_.top() + 4, inner + 2 * kPadding,
              lineHeight * qreal(lines_.size() + 1) + 2 * kPadding - 3);
  if (card.right() > area_.right()) card.moveRight(x_ - kGap);
  if (card.left() < 0) card.moveLeft(0);
  painter.setPen(QPen(theme.line, theme.lineWidth));
  painter.setBrush(theme.card);
  painter.drawRoundedRect(card, Theme::kRadius, Theme::kRadius);

  painter.setFont(uiFont(Theme::kSecondaryPx));
  QRectF row(card.left() + kPadding, card.top() + kPadding, inner, metrics.height());
  painter.setPen(theme.secondary);
  painter.drawText(row, Qt::AlignLeft | Qt::AlignVCenter, title_);
  for (const Line& line : lines_) {
    row.translate(0, lineHeight);
    painter.setPen(Qt::NoPen);
    painter.setBrush(line.color);
    painter.drawEllipse(QPointF(row.left() + kSwatch / 2, row.center().y()), kSwatch / 2 - 0.5,
                        kSwatch / 2 - 0.5);
    painter.setPen(theme.text);
    painter.drawText(row.adjusted(kSwatch + 6, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter,
                     line.name);
    painter.drawText(row, Qt::AlignRight | Qt::AlignVCenter, line.value);
  }
}

}  // namespace nw::widgets
