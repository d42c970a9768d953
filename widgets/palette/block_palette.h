#pragma once

#include <QSet>
#include <QWidget>

class QLineEdit;
class QTreeView;

namespace nw::widgets {

class BlockFilterModel;
class BlockModel;

/// The searchable palette: every block of nn::blocks() by category, the categories closed at first
/// and named with what is most used in them. A click opens one, a search opens all. Drag a block to
/// the canvas; double-click or Enter asks to append it.
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
  /// Opens or closes a category; nothing for a block.
  void turnShelf(const QModelIndex& index);
  void keepOpenShelves();

  QLineEdit* search_;
  QTreeView* tree_;
  BlockModel* model_;
  BlockFilterModel* filtered_;
  bool searching_ = false;
  QSet<QString> openShelves_;  // before the search
};

}  // namespace nw::widgets
