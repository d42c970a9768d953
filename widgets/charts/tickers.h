#pragma once

#include <qcustomplot.h>

namespace nw::widgets {

/// Whole steps with grouped digits, as many as have room beside each other.
class StepTicker : public QCPAxisTicker {
 public:
  /// Of the axis, from one number to the next at least.
  void setLeastShare(double share) { leastShare_ = share; }

 protected:
  double getTickStep(const QCPRange& range) override;
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar,
                       int precision) override;

 private:
  double leastShare_ = 0.2;
};

/// Figures or shares, as short as they can be read.
class FigureTicker : public QCPAxisTicker {
 public:
  explicit FigureTicker(bool share);

 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar,
                       int precision) override;

 private:
  bool share_;
};

/// 1, 2, 5 in each decade where there is room, whole decades where there are many, and even steps
/// where the range is a small part of one.
class DecadeTicker : public FigureTicker {
 public:
  DecadeTicker() : FigureTicker(false) {}

 protected:
  QVector<double> createTickVector(double tickStep, const QCPRange& range) override;
};

}  // namespace nw::widgets
