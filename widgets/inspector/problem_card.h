#pragma once

#include <QFrame>

#include "core/graph/problem.h"

namespace nw::widgets {

/// One problem of a block with its fixes as buttons, inside a panel.
class ProblemCard : public QFrame {
  Q_OBJECT

 public:
  explicit ProblemCard(const graph::Problem& problem, QWidget* parent = nullptr);

 signals:
  void fixRequested(const nw::graph::Fix& fix);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  graph::Severity severity_;
};

}  // namespace nw::widgets
