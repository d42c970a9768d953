#include "widgets/charts/tickers.h"

#include <algorithm>
#include <cmath>

#include "widgets/training/figures.h"

namespace nw::widgets {

namespace {

QString shortest(double value) {
  QString text = QString::number(value, 'g', 6);
  return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e");
}

}  // namespace

double StepTicker::getTickStep(const QCPRange& range) {
  const double least = std::max(1.0, range.size() * leastShare_);
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double lead : {1.0, 2.0, 5.0}) {
    if (lead * power >= least) return lead * power;
  }
  return 10 * power;
}

QString StepTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
  return groupedDigits(std::llround(tick));
}

FigureTicker::FigureTicker(bool share) : share_(share) {
  setTickCount(4);
  setTickStepStrategy(tssReadability);
}

QString FigureTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
  if (!share_) return shortest(std::abs(tick) < 1e-12 ? 0 : tick);
  return shortest(std::abs(tick) < 1e-12 ? 0 : tick * 100) + QChar(0x00A0) + QLatin1Char('%');
}

QVector<double> DecadeTicker::createTickVector(double tickStep, const QCPRange& range) {
  if (range.lower <= 0 || range.upper <= range.lower) return {};
  const double decades = std::log10(range.upper / range.lower);
  if (decades < 0.6) return QCPAxisTicker::createTickVector(tickStep, range);
  const int stride = std::max(1, int(std::ceil(decades / 6)));
  QVector<double> ticks;
  const int first = int(std::floor(std::log10(range.lower)));
  const int last = int(std::ceil(std::log10(range.upper)));
  for (int exponent = first; exponent <= last; exponent += stride) {
    for (double lead : {1.0, 2.0, 5.0}) {
      if (lead > 1 && decades > 2.5) continue;
      ticks << lead * std::pow(10.0, exponent);
    }
  }
  return ticks;
}

}  // namespace nw::widgets
