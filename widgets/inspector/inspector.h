#pragma once

#include <QStringList>
#include <QVector>
#include <QWidget>
#include <memory>

#include "core/graph/infer.h"
#include "core/graph/problem.h"

namespace nw::widgets {

/// The panel that shows and edits the selected block. Holds copies of values only: call showNode
/// again after each change of the document.
class Inspector : public QWidget {
  Q_OBJECT

 public:
  explicit Inspector(QWidget* parent = nullptr);
  ~Inspector() override;

  /// `block` is null for a block that this program does not know. `inputs` are the shapes that
  /// arrive, as text, in the order of the block's input ports. Showing the same node again
  /// updates in place and keeps what is being typed.
  void showNode(const graph::Node& node, const nn::Block* block, const graph::NodeInfo& info,
                const QVector<graph::Problem>& problems, const QStringList& inputs = {});
  void showNothing();
  void showMany(int count);
  /// kNoNode unless exactly one block is shown.
  graph::NodeId node() const;

 signals:
  void argChanged(nw::graph::NodeId node, const QString& param, const nw::nn::Value& value);
  void nameChanged(nw::graph::NodeId node, const QString& name);
  void fixRequested(const nw::graph::Fix& fix);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace nw::widgets
