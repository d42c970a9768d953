#pragma once

#include <QWidget>
#include <memory>
#include <optional>

#include "widgets/charts/history.h"

namespace nw::widgets {

/// Which figure a plot shows.
struct CurveFigure {
  QString title;
  Spread StepPoint::*training;
  std::optional<double> EpochPoint::*validation;  // null: there is none, one curve stands alone
  bool share = false;                             // 0 … 1, written in per cent
};

/// One plot of a CurvesChart: the figure's training curve (raw behind smoothed), its validation
/// curve, axes, crosshair. Reads the history that the chart owns; part of charts, not of its
/// interface.
class CurvePlot : public QWidget {
  Q_OBJECT

 public:
  CurvePlot(CurveFigure figure, const History& history, QWidget* parent = nullptr);
  ~CurvePlot() override;

  /// Draws the history anew.
  void refresh();
  void setSmoothing(double amount);
  void setLogarithmic(bool on);
  /// Shown steps; nullopt follows the run.
  void setView(std::optional<std::pair<double, double>> steps);
  std::optional<std::pair<double, double>> view() const;
  /// Shows the crosshair at a step; nullopt hides it.
  void setCrosshair(std::optional<double> step);
  /// Pixels of a logical pixel in what is drawn.
  void setPixelRatio(qreal ratio);

  /// The latest smoothed value and the latest validation value; nullopt before the first.
  std::optional<double> trainingNow() const;
  std::optional<double> validationNow() const;
  QString valueText(double value) const;

 signals:
  /// The person zoomed, dragged, or (nullopt) asked to follow again.
  void viewChanged(std::optional<std::pair<double, double>> steps);
  void hovered(std::optional<double> step);

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Parts;
  void onRangeChanged();

  std::unique_ptr<Parts> parts_;
};

}  // namespace nw::widgets
