#pragma once

#include <QWidget>

#include "widgets/problems/problems_model.h"

class QListView;

namespace nw::widgets {

class ProblemsDelegate;
class TextLabel;

/// The list of everything wrong or doubtful in the graph, each with its fixes. Enter or double
/// click leads to the block; a fix is a link in the row, Alt+Enter takes the first.
class ProblemsPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ProblemsPanel(QWidget* parent = nullptr);

  void setProblems(const QVector<graph::Problem>& problems,
                   const QHash<graph::NodeId, QString>& names);
  /// What stands where there are no problems; empty: that the network is ready.
  void setInvitation(const QString& text);
  int count() const;
  ProblemsModel* model() const { return model_; }
  QListView* view() const { return view_; }

 signals:
  void nodeActivated(nw::graph::NodeId node);
  void fixRequested(const nw::graph::Fix& fix);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void activate(const QModelIndex& index);
  void showFixMenu(const QPoint& position);

  ProblemsModel* model_;
  QListView* view_;
  TextLabel* empty_;
  ProblemsDelegate* delegate_;
};

}  // namespace nw::widgets
