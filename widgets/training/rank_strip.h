#pragma once

#include <QTimer>
#include <QWidget>
#include <memory>

#include "core/train/event_lines.h"

namespace nw::widgets {

/// Where each process of a run on several devices spends a step: a row a rank, with the time that
/// it computes, that it waits for the others' gradients, and, below, that all-reduce takes, which
/// is hidden behind the computing or is not. All rows have one scale. Smoothed over some steps.
class RankStrip : public QWidget {
  Q_OBJECT

 public:
  explicit RankStrip(QWidget* parent = nullptr);
  ~RankStrip() override;

  void setRanks(const train::Joined& joined);
  /// Marks a rank that was lost, with the cause; the others, which ended with it, fade.
  void setLost(const train::RankLost& lost);
  /// Queued like the charts' points: drawn at the next turn.
  void addStep(const train::StepDone& step);
  /// No rows, and no height.
  void clear();

  int rows() const;
  /// What a row tells, in words: "rank 1 · cpu: 3.1 ms computing, 0.4 ms waiting …".
  QString rowText(int row) const;
  /// What all rows come to: "a step takes 11.7 ms, 97 % of it waiting".
  QString summary() const;
  /// What the times teach, in a sentence or two: who is waited for, whether all-reduce is hidden.
  /// Renewed now and then; empty: nothing stands out.
  QString lesson() const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 signals:
  /// Rows came or went, or need another height.
  void rowsChanged(int rows);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void describe();

  struct Parts;
  std::unique_ptr<Parts> parts_;
  QTimer description_;  // screen readers are told now and then
};

}  // namespace nw::widgets
