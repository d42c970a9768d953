#pragma once

#include <QWidget>

class QLineEdit;
class QTreeView;

namespace nw::widgets {

class BlockFilterModel;
class BlockModel;

/// The searchable palette: every block of nn::blocks() by category. Drag a row to the canvas;
/// double-click or Enter asks to append it.
class BlockPalette : public QWidget {
  Q_OBJECT

 public:
  explicit BlockPalette(QWidget* parent = nullptr);

  QLineEdit* searchField() const { return search_; }
  QTreeView* tree() const { return tree_; }

 signals:
  /// Append this block to the network.
  void blockActivated(const QString& blockId);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void filter(const QString& text);
  void activate(const QModelIndex& index);

  QLineEdit* search_;
  QTreeView* tree_;
  BlockModel* model_;
  BlockFilterModel* filtered_;
};

}  // namespace nw::widgets
