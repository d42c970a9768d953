#pragma once

#include <QFrame>
#include <functional>
#include <optional>

#include "core/graph/graph.h"

class QLineEdit;
class QListView;
class QStandardItemModel;

namespace nw::widgets {

/// A field and a list of blocks over the canvas (Ctrl+K, or a wire dropped on nothing). Blocks that
/// the wire can go to come first; the others are shown, but cannot be chosen.
class BlockSearchPopup : public QFrame {
  Q_OBJECT

 public:
  explicit BlockSearchPopup(QWidget* parent);

  /// Opens at a place of the screen. `wire`: the wire to complete; its free end has node kNoNode.
  /// `chosen` is called at most once, with the block's id.
  void open(QPoint globalAt, const std::optional<graph::Wire>& wire,
            std::function<void(QString)> chosen);

  /// `wire` with the port of `blockId` that its free end goes to: the block's first.
  static graph::Wire completed(graph::Wire wire, const QString& blockId);

  QLineEdit* field() const { return field_; }
  QListView* list() const { return list_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fill(const QString& query);
  void choose(const QModelIndex& index);

  QLineEdit* field_;
  QListView* list_;
  QStandardItemModel* model_;
  std::optional<graph::Wire> wire_;
  std::function<void(QString)> chosen_;
};

}  // namespace nw::widgets
