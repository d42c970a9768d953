#pragma once

#include <QString>
#include <QWidget>

#include "core/io/state_file.h"

namespace nw::app {

/// The few questions that need an answer before anything can go on. Each runs a dialog over
/// `parent`; an empty path means that the person thought better of it.

QString askFileToOpen(QWidget* parent, const QString& folder);
QString askFileToSave(QWidget* parent, const QString& suggestion);

struct ExportChoice {
  QString path;
  io::StateFormat format = io::StateFormat::Pt;
};
/// The format is the one of the path's extension, else that of the chosen filter, whose extension
/// is then added.
ExportChoice askWeightsFile(QWidget* parent, const QString& suggestion);

enum class Unsaved { Save, Discard, Cancel };
Unsaved askAboutUnsaved(QWidget* parent, const QString& title);

}  // namespace nw::app
