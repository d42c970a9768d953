#pragma once

#include <QVector>
#include <QWidget>

#include "core/graph/problem.h"

namespace nw::widgets {

/// What is wrong with one block, beside it: each problem's text and a button for each fix. Never
/// modal; goes with a click elsewhere or Escape.
class ProblemCallout : public QWidget {
  Q_OBJECT

 public:
  explicit ProblemCallout(QWidget* parent);

  void setProblems(const QVector<graph::Problem>& problems);

 signals:
  void fixRequested(const nw::graph::Fix& fix);
  void closed();

 protected:
  bool event(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void fitHeight();

  QVector<graph::Problem> problems_;
};

}  // namespace nw::widgets
