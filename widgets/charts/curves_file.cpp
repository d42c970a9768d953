#include "widgets/charts/curves_file.h"

#include <QCoreApplication>
#include <QFile>
#include <QLocale>
#include <QSaveFile>
#include <QStringList>
#include <QTextStream>
#include <array>
#include <cmath>
#include <limits>

namespace nw::widgets {

namespace {

const QStringList kColumns = {"step",           "epoch",           "train_loss",
                              "train_accuracy", "validation_loss", "validation_accuracy",
                              "learning_rate"};
enum Column {
  kStep,
  kEpoch,
  kTrainLoss,
  kTrainAccuracy,
  kValidationLoss,
  kValidationAccuracy,
  kLearningRate,
  kColumnCount
};

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

QString translated(const char* text) {
  return QCoreApplication::translate("curves", text);
}

bool fail(QString* error, const QString& text) {
  if (error) *error = text;
  return false;
}

/// The figures of one line by column; empty where the field is.
using Row = std::array<std::optional<double>, kColumnCount>;

/// Reads a number as C writes it; "nan" and "inf" are figures of a run that diverged.
std::optional<double> number(const QString& field) {
  bool ok = false;
  const double value = field.toDouble(&ok);
  return ok ? std::optional<double>(value) : std::nullopt;
}

class CurvesReader {
 public:
  CurvesReader(const QString& path, QString* error) : path_(path), error_(error) {}

  bool read(History* history) {
    QFile file(path_);
    if (!file.open(QIODevice::ReadOnly | QIODevice::Text)) {
      return fail(error_, translated("%1 cannot be read: %2").arg(path_, file.errorString()));
    }
    QTextStream stream(&file);
    if (!readHeader(stream.readLine())) return false;
    History fresh;
    for (line_ = 2; !stream.atEnd(); ++line_) {
      const QString line = stream.readLine();
      if (!line.trimmed().isEmpty() && !readRow(line, &fresh)) return false;
    }
    *history = std::move(fresh);
    return true;
  }

 private:
  bool readHeader(const QString& line) {
    const QStringList names = line.split(QLatin1Char(','));
    for (const QString& name : names) places_ << int(kColumns.indexOf(name.trimmed()));
    if (places_.contains(kStep) && places_.contains(kTrainLoss)) return true;
    return fail(error_, translated("%1, line 1: expects a header with step and train_loss, gets "
                                   "“%2”. Choose a curves.csv.")
                            .arg(path_, line.left(80)));
  }

  bool readRow(const QString& line, History* history) {
    const QStringList fields = line.split(QLatin1Char(','));
    if (fields.size() != places_.size()) {
      return fail(error_, translated("%1, line %2: expects %3 fields, gets %4.")
                              .arg(path_)
                              .arg(line_)
                              .arg(places_.size())
                              .arg(fields.size()));
    }
    Row row;
    for (qsizetype i = 0; i < fields.size(); ++i) {
      const QString field = fields[i].trimmed();
      if (places_[i] < 0 || field.isEmpty()) continue;
      const std::optional<double> value = number(field);
      if (!value) {
        return fail(error_, translated("%1, line %2: expects a number in %3, gets “%4”.")
                                .arg(path_)
                                .arg(line_)
                                .arg(kColumns[places_[i]], field.left(40)));
      }
      row[size_t(places_[i])] = value;
    }
    return place(row, history);
  }

  bool place(const Row& row, History* history) {
    const int64_t last = history->steps().empty() ? 0 : history->steps().back().step;
    const double at = row[kStep].value_or(kNaN);
    if (!(at >= double(last) && at < 1e15)) {
      return fail(error_,
                  translated("%1, line %2: expects an ascending step.").arg(path_).arg(line_));
    }
    const auto step = int64_t(at);
    const auto epoch = int64_t(row[kEpoch].value_or(0));
    if (row[kTrainLoss]) {
      history->addStep(step, epoch, *row[kTrainLoss], row[kTrainAccuracy].value_or(kNaN),
                       row[kLearningRate].value_or(kNaN));
    }
    if (row[kValidationLoss] || row[kValidationAccuracy]) {
      history->addEpoch({step, epoch, row[kValidationLoss], row[kValidationAccuracy]});
    }
    return true;
  }

  QString path_;
  QString* error_;
  QVector<int> places_;
  qsizetype line_ = 1;
};

QString field(double value) {
  if (std::isnan(value)) return QStringLiteral("nan");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("inf") : QStringLiteral("-inf");
  return QString::number(value, 'g', QLocale::FloatingPointShortest);
}

QString field(const std::optional<double>& value) {
  return value ? field(*value) : QString();
}

void writeLine(QTextStream& out, int64_t step, int64_t epoch, const StepPoint* point,
               const EpochPoint* end) {
  QStringList fields{QString::number(step), QString::number(epoch)};
  fields << (point ? field(point->loss.mean) : QString());
  const bool counts = point && std::isfinite(point->accuracy.mean);
  fields << (counts ? field(point->accuracy.mean) : QString());
  fields << (end ? field(end->validation_loss) : QString());
  fields << (end ? field(end->validation_accuracy) : QString());
  const bool known = point && std::isfinite(point->rate.mean);
  fields << (known ? field(point->rate.mean) : QString());
  out << fields.join(QLatin1Char(',')) << '\n';
}

}  // namespace

bool readCurves(const QString& path, History* history, QString* error) {
  return CurvesReader(path, error).read(history);
}

bool writeCurves(const QString& path, const History& history, QString* error) {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly | QIODevice::Text)) {
    return fail(error, translated("%1 cannot be written: %2").arg(path, file.errorString()));
  }
  QTextStream out(&file);
  out << kColumns.join(QLatin1Char(',')) << '\n';
  auto end = history.epochs().begin();
  const auto ends = history.epochs().end();
  for (const StepPoint& point : history.steps()) {
    // In a thinned history an epoch may end inside a point.
    for (; end != ends && end->step < point.step; ++end) {
      writeLine(out, end->step, end->epoch, nullptr, &*end);
    }
    const EpochPoint* here = end != ends && end->step == point.step ? &*end++ : nullptr;
    writeLine(out, point.step, point.epoch, &point, here);
  }
  for (; end != ends; ++end) writeLine(out, end->step, end->epoch, nullptr, &*end);
  out.flush();
  if (file.commit()) return true;
  return fail(error, translated("%1 cannot be written: %2").arg(path, file.errorString()));
}

}  // namespace nw::widgets
