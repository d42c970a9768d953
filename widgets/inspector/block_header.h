#pragma once

#include <QWidget>

#include "core/graph/graph.h"
#include "core/nn/block.h"

class QLineEdit;

namespace nw::widgets {

class TextLabel;

/// Top of the inspector: icon in the category's colour, the node's name, torch's name, and what the
/// block does.
class BlockHeader : public QWidget {
  Q_OBJECT

 public:
  explicit BlockHeader(QWidget* parent = nullptr);

  /// `key` is the name that the node has in the state_dict, shown where it has none of its own.
  void showBlock(const graph::Node& node, const nn::Block* block, const QString& key);

 signals:
  void nameEdited(const QString& name);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void commit();
  QRect tile() const;

  graph::NodeId node_ = graph::kNoNode;
  QString shownName_;
  QString icon_;
  QColor color_;
  QLineEdit* name_;
  TextLabel* kind_;
  TextLabel* message_;
  TextLabel* summary_;
};

}  // namespace nw::widgets
