#pragma once

#include <QSize>
#include <QString>

#include "widgets/charts/history.h"

namespace nw::widgets {

/// Reads curves.csv: a header with the columns step, epoch, train_loss, train_accuracy,
/// validation_loss, validation_accuracy (any order; step and train_loss are needed), one line a
/// step, empty fields where there is no figure. False and a message naming file, line and remedy
/// when that fails; `history` is untouched then.
bool readCurves(const QString& path, History* history, QString* error);
/// Writes it, atomically. A thinned history gives one line a point: its last step and its means.
bool writeCurves(const QString& path, const History& history, QString* error);

/// Draws a curves.csv to a picture, `size` in logical pixels. Needs a QApplication.
bool renderCurves(const QString& csvPath, const QString& pngPath, QSize size, qreal scale,
                  QString* error);

}  // namespace nw::widgets
