#pragma once

#include <QWidget>

#include "core/train/planned_rates.h"

class QCPGraph;
class QCustomPlot;

namespace nw::widgets {

class TextLabel;

/// The learning rate over a run that has not begun, as its schedulers will make it: a small plot
/// over the epochs and a line that tells its course in words.
class RatePreview : public QWidget {
  Q_OBJECT

 public:
  explicit RatePreview(QWidget* parent = nullptr);

  void setPlan(const train::PlannedRates& plan, qint64 epochs);
  /// What the plot shows: the rate over the epochs that are over.
  const QVector<QPointF>& curve() const { return curve_; }
  QString note() const;

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void restyle();
  QString wordsFor(const train::PlannedRates& plan, qint64 epochs) const;

  QCustomPlot* plot_;
  QCPGraph* graph_;
  TextLabel* note_;
  QVector<QPointF> curve_;
};

}  // namespace nw::widgets
