#pragma once

#include <QAbstractListModel>
#include <QHash>
#include <QVector>

#include "core/graph/problem.h"

namespace nw::widgets {

/// The problems of a graph as a list: errors first, then warnings, then hints; within these in the
/// order of the inference.
class ProblemsModel : public QAbstractListModel {
  Q_OBJECT

 public:
  using QAbstractListModel::QAbstractListModel;

  /// `names` are what people call the blocks ("conv1", "Linear 3").
  void setProblems(const QVector<graph::Problem>& problems,
                   const QHash<graph::NodeId, QString>& names);
  const graph::Problem& problem(int row) const { return problems_[row]; }
  /// The block's name; empty for the graph as a whole.
  QString nodeName(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;

 private:
  QVector<graph::Problem> problems_;
  QHash<graph::NodeId, QString> names_;
};

}  // namespace nw::widgets
