#pragma once

#include <QWidget>
#include <limits>
#include <memory>
#include <optional>

#include "widgets/charts/history.h"

namespace nw::widgets {

/// Loss, accuracy and learning rate of a run, side by side, drawn while it goes on. Points may be
/// added as fast as they come: drawing is queued, at most 30 times a second.
class CurvesChart : public QWidget {
  Q_OBJECT

 public:
  explicit CurvesChart(QWidget* parent = nullptr);
  ~CurvesChart() override;

  /// One training batch. `accuracy` is a share, 0 … 1; `rate` is the learning rate, NaN where it is
  /// not known. Steps ascend; an earlier one takes back those after it.
  void addStep(qint64 step, qint64 epoch, double loss, double accuracy,
               double rate = std::numeric_limits<double>::quiet_NaN());
  /// Validation at the end of an epoch; `step` is the last one of it.
  void addEpoch(qint64 step, qint64 epoch, std::optional<double> validationLoss,
                std::optional<double> validationAccuracy);
  /// Takes over a whole history (a finished run read from its file).
  void setHistory(History history);
  const History& history() const;
  void clear();
  /// Whether a run goes on: what stands where there are no curves yet says so.
  void setRunning(bool running);
  /// Without classes there is no accuracy: the loss takes the whole width.
  void setClassifies(bool classifies);
  /// Whether the learning rate changes in the run: then it has a plot of its own.
  void setSchedules(bool schedules);

  /// Share of the past in the smoothed curve, 0 (raw) … 0.999.
  void setSmoothing(double amount);
  double smoothing() const;
  void setLogarithmicLoss(bool on);
  bool logarithmicLoss() const;

  /// Writes what is on screen, `scale` times finer. False and a message when that fails.
  bool exportPng(const QString& path, qreal scale, QString* error);
  bool exportCsv(const QString& path, QString* error) const;
  /// Draws pending points now instead of at the next turn.
  void replotNow();

 signals:
  /// A short sentence for the status bar or a message bar: what was written where, or why not.
  void notified(const QString& text);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  struct Parts;
  QPixmap picture(qreal scale) const;
  void placeInvitation();
  void askForPicture();
  void askForFigures();

  std::unique_ptr<Parts> parts_;
};

}  // namespace nw::widgets
