#include "widgets/problems/problems_model.h"

#include <algorithm>

#include "widgets/problems/severity.h"

namespace nw::widgets {

void ProblemsModel::setProblems(const QVector<graph::Problem>& problems,
                                const QHash<graph::NodeId, QString>& names) {
  beginResetModel();
  problems_ = problems;
  std::stable_sort(
      problems_.begin(), problems_.end(),
      [](const graph::Problem& a, const graph::Problem& b) { return a.severity > b.severity; });
  names_ = names;
  endResetModel();
}

QString ProblemsModel::nodeName(int row) const {
  return names_.value(problems_[row].node);
}

int ProblemsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(problems_.size());
}

QVariant ProblemsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const graph::Problem& item = problems_[index.row()];
  const QString text = QString::fromStdString(item.text);
  const QString name = nodeName(index.row());
  switch (role) {
    case Qt::DisplayRole:
      return name.isEmpty() ? text : name + QStringLiteral(": ") + text;
    case Qt::AccessibleTextRole:
      return severityName(item.severity) + QStringLiteral(", ") +
             data(index, Qt::DisplayRole).toString();
    case Qt::ToolTipRole:
      return text;
    default:
      return {};
  }
}

}  // namespace nw::widgets
