#pragma once

#include <QStyledItemDelegate>
#include <QVector>

#include "core/graph/problem.h"

namespace nw::widgets {

class ProblemsModel;

/// Draws a problem as icon, block, wrapped text, and its fixes as links; a click on a link asks for
/// that fix.
class ProblemsDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  ProblemsDelegate(ProblemsModel* model, QObject* parent);

  /// Where the link of a fix stands in a row that covers `row`.
  QRect linkRect(const QModelIndex& index, const QRect& row, int fix) const;
  /// The fix whose link is at `at`; -1 when there is none.
  int fixAt(const QModelIndex& index, const QRect& row, QPoint at) const;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                   const QModelIndex& index) override;

 signals:
  void fixRequested(const nw::graph::Fix& fix);

 private:
  struct Layout;
  Layout layout(const QModelIndex& index, const QRect& row) const;

  ProblemsModel* model_;
};

}  // namespace nw::widgets
