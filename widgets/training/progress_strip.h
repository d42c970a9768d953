#pragma once

#include <QWidget>
#include <memory>

#include "core/train/events.h"

namespace nw::widgets {

/// One calm line on the run: epoch, bars for the epoch and the whole run, speed and time left; or
/// the state when nothing runs. Height of a tool bar; asks for 360 px and shrinks.
class ProgressStrip : public QWidget {
  Q_OBJECT

 public:
  enum class State {
    Ready,
    Preparing,
    Training,
    Paused,
    Stopping,
    Completed,
    Stopped,
    Diverged,
    Failed
  };
  Q_ENUM(State)

  explicit ProgressStrip(QWidget* parent = nullptr);
  ~ProgressStrip() override;

  State state() const;
  /// The words shown now, without the bar.
  QString text() const;
  QSize sizeHint() const override;

 public slots:
  /// Nothing runs and nothing has run.
  void setReady();
  /// What stands in the way of a run, in a few words, in place of "Ready to train"; empty: nothing.
  void setObstacle(const QString& obstacle);
  /// Train was pressed; data and model are being made.
  void setPreparing();
  /// Stop was pressed; the current batch still ends.
  void setStopping();
  /// Any event of the Trainer, in order.
  void handle(const nw::train::Event& event);

 private:
  struct Parts;
  void setState(State state);
  void finish(const train::Finished& finished);

  std::unique_ptr<Parts> parts_;
};

}  // namespace nw::widgets
