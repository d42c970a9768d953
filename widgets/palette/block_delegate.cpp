#include "widgets/palette/block_delegate.h"

#include <QApplication>
#include <QPainter>
#include <QTreeView>

#include "widgets/palette/block_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr int kBlockHeight = 44, kPlainHeight = 30;
constexpr int kCategoryHeight = 44, kOpenHeight = 32;

bool isCategory(const QModelIndex& index) {
  return index.data(BlockModel::IdRole).toString().isEmpty();
}

/// Whether a row has a second line: what a closed category holds, what a common block does.
bool hasSummary(const QModelIndex& index, bool open) {
  return isCategory(index) ? !open : index.data(BlockModel::CommonRole).toBool();
}

/// A name and, where there is a second line, small words below it.
void paintWords(QPainter& painter, const QRect& words, const QModelIndex& index, const Theme& theme,
                QFont::Weight weight, bool summary) {
  painter.setPen(theme.text);
  const QFont font = uiFont(Theme::kBasePx, weight);
  painter.setFont(font);
  painter.drawText(
      words, (summary ? Qt::AlignTop : Qt::AlignVCenter) | Qt::AlignLeft,
      QFontMetrics(font).elidedText(index.data().toString(), Qt::ElideRight, words.width()));
  if (!summary) return;
  painter.setPen(theme.secondary);
  const QFont small = uiFont(Theme::kSecondaryPx);
  painter.setFont(small);
  painter.drawText(words, Qt::AlignBottom | Qt::AlignLeft,
                   QFontMetrics(small).elidedText(index.data(BlockModel::SummaryRole).toString(),
                                                  Qt::ElideRight, words.width()));
}

void paintCategory(QPainter& painter, const QRect& row, const QModelIndex& index,
                   const Theme& theme, bool open) {
  const QRect words = row.adjusted(38, 5, -52, -5);
  const int middle = open ? row.center().y() + 1 : words.top() + 8;
  painter.setPen(Qt::NoPen);
  painter.setBrush(index.data(BlockModel::ColorRole).value<QColor>());
  painter.drawEllipse(QPointF(row.left() + 18, middle), 4, 4);
  const QRect side(row.right() - 50, middle - 10, 42, 20);
  paintIcon(painter, QRectF(side.right() - 14, side.top() + 3, 14, 14),
            open ? "chevron-down" : "chevron-right", theme.secondary);
  painter.setPen(theme.secondary);
  painter.setFont(uiFont(Theme::kSecondaryPx));
  painter.drawText(side.adjusted(0, 0, -20, 0), Qt::AlignVCenter | Qt::AlignRight,
                   QString::number(index.model()->rowCount(index)));
  // The common names may run below the count.
  paintWords(painter, open ? words : words.adjusted(0, 0, 44, 0), index, theme, QFont::DemiBold,
             !open);
}

void paintBlock(QPainter& painter, const QRect& row, const QModelIndex& index, const Theme& theme,
                const QColor& ground, bool summary) {
  const QColor color = index.data(BlockModel::ColorRole).value<QColor>();
  const QRectF place(row.left() + 8, row.top() + (row.height() - 20) / 2, 20, 20);
  paintIcon(painter, place, blockIconName(index.data(BlockModel::IdRole).toString()),
            readable(color, ground));
  paintWords(painter, row.adjusted(38, 5, -8, -5), index, theme, QFont::Normal, summary);
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
  const bool open = option.state & QStyle::State_Open;
  if (isCategory(index)) {
    paintCategory(*painter, option.rect, index, theme, open);
  } else {
    paintBlock(*painter, option.rect, index, theme, ground, hasSummary(index, open));
  }
  painter->restore();
}

QSize BlockDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const auto* tree = qobject_cast<const QTreeView*>(option.widget);
  const bool summary = hasSummary(index, tree && tree->isExpanded(index));
  if (isCategory(index)) return {120, summary ? kCategoryHeight : kOpenHeight};
  return {120, summary ? kBlockHeight : kPlainHeight};
}

}  // namespace nw::widgets
