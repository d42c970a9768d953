#include "widgets/palette/block_delegate.h"

#include <QApplication>
#include <QPainter>

#include "widgets/palette/block_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr int kBlockHeight = 44;
constexpr int kCategoryHeight = 32;

void paintCategory(QPainter& painter, const QRect& row, const QModelIndex& index,
                   const Theme& theme) {
  painter.setPen(Qt::NoPen);
  painter.setBrush(index.data(BlockModel::ColorRole).value<QColor>());
  painter.drawEllipse(QPointF(row.left() + 8, row.center().y() + 1), 4, 4);
  painter.setPen(theme.secondary);
  painter.setFont(uiFont(Theme::kSecondaryPx, QFont::DemiBold));
  painter.drawText(row.adjusted(20, 0, -4, 0), Qt::AlignVCenter | Qt::AlignLeft,
                   index.data().toString());
}

void paintBlock(QPainter& painter, const QRect& row, const QModelIndex& index, const Theme& theme,
                const QColor& ground) {
  const QString id = index.data(BlockModel::IdRole).toString();
  const QColor color = index.data(BlockModel::ColorRole).value<QColor>();
  paintIcon(painter, QRectF(row.left() + 8, row.top() + 12, 20, 20), blockIconName(id),
            readable(color, ground));
  const QRect words = row.adjusted(38, 5, -8, -5);
  painter.setPen(theme.text);
  painter.setFont(uiFont(Theme::kBasePx));
  painter.drawText(words, Qt::AlignTop | Qt::AlignLeft, id);
  painter.setPen(theme.secondary);
  const QFont small = uiFont(Theme::kSecondaryPx);
  painter.setFont(small);
  const QString summary = index.data(BlockModel::SummaryRole).toString();
  painter.drawText(words, Qt::AlignBottom | Qt::AlignLeft,
                   QFontMetrics(small).elidedText(summary, Qt::ElideRight, words.width()));
}

}  // namespace

void BlockDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
  const Theme theme = Theme::fromPalette(option.palette);
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  const bool selected = option.state & QStyle::State_Selected;
  const bool hovered = option.state & QStyle::State_MouseOver;
  const QColor ground = selected  ? mix(theme.window, theme.accent, theme.dark ? 0.35 : 0.16)
                        : hovered ? theme.hover
                                  : theme.window;
  if (selected || hovered) {
    painter->setPen(selected && theme.highContrast ? QPen(theme.accent, 2) : QPen(Qt::NoPen));
    painter->setBrush(ground);
    painter->drawRoundedRect(QRectF(option.rect).adjusted(1, 1, -1, -1), Theme::kRadius,
                             Theme::kRadius);
  }
  if (index.data(BlockModel::IdRole).toString().isEmpty()) {
    paintCategory(*painter, option.rect, index, theme);
  } else {
    paintBlock(*painter, option.rect, index, theme, ground);
  }
  painter->restore();
}

QSize BlockDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex& index) const {
  const bool category = index.data(BlockModel::IdRole).toString().isEmpty();
  return {120, category ? kCategoryHeight : kBlockHeight};
}

}  // namespace nw::widgets
