#include "widgets/training/figures.h"

#include <QCoreApplication>
#include <QStringList>
#include <array>
#include <cmath>

namespace nw::widgets {

namespace {

constexpr QChar kThinSpace(0x202F);  // narrow no-break space
constexpr QChar kNoBreakSpace(0x00A0);
constexpr int64_t kFloatBytes = 4;

QString translated(const char* text) {
  return QCoreApplication::translate("figures", text);
}

/// Two or three significant digits: "0.42", "3.1", "12", "416".
QString compact(double value) {
  if (value >= 10) return QString::number(std::round(value), 'f', 0);
  return QString::number(value, 'f', value < 0.995 ? 2 : 1);
}

}  // namespace

QString groupedDigits(qint64 value) {
  QString digits = QString::number(std::abs(value));
  for (qsizetype at = digits.size() - 3; at > 0; at -= 3) digits.insert(at, kThinSpace);
  return value < 0 ? QStringLiteral("-") + digits : digits;
}

QString shortCount(qint64 value) {
  if (value < 100'000) return groupedDigits(value);
  constexpr std::array<const char*, 4> kUnits = {"M", "G", "T", "P"};
  double scaled = double(value) / 1e6;
  size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < kUnits.size()) {
    scaled /= 1000;
    ++unit;
  }
  return compact(scaled) + kNoBreakSpace + QLatin1String(kUnits[unit]);
}

QString byteSize(qint64 bytes) {
  constexpr std::array<const char*, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return QString::number(bytes) + kNoBreakSpace + QLatin1Char('B');
  double scaled = double(bytes) / 1000;
  size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < kUnits.size()) {
    scaled /= 1000;
    ++unit;
  }
  return compact(scaled) + kNoBreakSpace + QLatin1String(kUnits[unit]);
}

QString duration(double seconds) {
  if (!(seconds >= 1)) return translated("under a second");
  const qint64 whole = std::llround(seconds);
  const QString rest =
      QStringLiteral("%1:%2").arg(whole / 60 % 60).arg(whole % 60, 2, 10, QLatin1Char('0'));
  if (whole < 3600) return rest;
  return QStringLiteral("%1:%2").arg(whole / 3600).arg(rest, 5, QLatin1Char('0'));
}

QString figure(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? QStringLiteral("NaN") : QStringLiteral("∞");
  if (value != 0 && (std::abs(value) < 1e-3 || std::abs(value) >= 1e5)) {
    QString text = QString::number(value, 'e', 2);
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e");
  }
  const double size = std::abs(value);
  const int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return QString::number(value, 'f', decimals);
}

QString percent(double share) {
  return QString::number(share * 100, 'f', 1) + kNoBreakSpace + QLatin1Char('%');
}

QString statusSummary(const graph::Inference& inference, qint64 batchSize) {
  QStringList parts{translated("%1 parameters").arg(groupedDigits(inference.parameters)),
                    translated("%1 multiply-adds").arg(shortCount(inference.multiply_adds))};
  if (inference.activation_bytes > 0) {
    const qint64 weightsAndGradients = 2 * kFloatBytes * inference.parameters;
    const qint64 bytes = inference.activation_bytes * batchSize + weightsAndGradients;
    parts << translated("%1 at batch %2").arg(byteSize(bytes)).arg(batchSize);
  }
  return parts.join(QStringLiteral(" · "));
}

}  // namespace nw::widgets
