#pragma once

#include <QStyledItemDelegate>

namespace nw::widgets {

/// Paints the rows of a BlockModel: a category with its dot and, closed, what is in it; a common
/// block with icon, name and sentence, another one with icon and name.
class BlockDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace nw::widgets
