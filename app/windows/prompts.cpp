#include "app/windows/prompts.h"

#include <QFileDialog>
#include <QMessageBox>
#include <QPushButton>

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::app {
namespace {

constexpr QSize kSignPx(32, 32);

QString tr(const char* text) {
  return QCoreApplication::translate("nw::app::prompts", text);
}

QString projectFilter() {
  return tr("Netwright projects (*.netwright)");
}

/// Runs the dialog; the chosen path, empty when it was cancelled.
QString run(QFileDialog& dialog) {
  if (dialog.exec() != QDialog::Accepted || dialog.selectedFiles().isEmpty()) return {};
  return dialog.selectedFiles().constFirst();
}

}  // namespace

QString askFileToOpen(QWidget* parent, const QString& folder) {
  QFileDialog dialog(parent, tr("Open project"), folder);
  dialog.setFileMode(QFileDialog::ExistingFile);
  dialog.setNameFilters({projectFilter(), tr("All files (*)")});
  return run(dialog);
}

QString askFileToSave(QWidget* parent, const QString& suggestion) {
  const QFileInfo info(suggestion);
  QFileDialog dialog(parent, tr("Save project"), info.path(), projectFilter());
  dialog.setAcceptMode(QFileDialog::AcceptSave);
  dialog.setDefaultSuffix("netwright");
  dialog.selectFile(info.fileName());
  return run(dialog);
}

ExportChoice askWeightsFile(QWidget* parent, const QString& suggestion) {
  const QFileInfo info(suggestion);
  const QString torch = tr("PyTorch state_dict (*.pt)");
  const QString safetensors = tr("safetensors (*.safetensors)");
  QFileDialog dialog(parent, tr("Export weights"), info.path());
  dialog.setAcceptMode(QFileDialog::AcceptSave);
  dialog.setNameFilters({torch, safetensors});
  dialog.setDefaultSuffix("pt");
  QObject::connect(&dialog, &QFileDialog::filterSelected, &dialog, [&](const QString& filter) {
    dialog.setDefaultSuffix(filter == torch ? "pt" : "safetensors");
  });
  dialog.selectFile(info.fileName());
  ExportChoice choice;
  choice.path = run(dialog);
  choice.format = choice.path.endsWith(".safetensors", Qt::CaseInsensitive)
                      ? io::StateFormat::Safetensors
                      : io::StateFormat::Pt;
  return choice;
}

Unsaved askAboutUnsaved(QWidget* parent, const QString& title) {
  QMessageBox box(QMessageBox::Warning, tr("Unsaved work"),
                  tr("Save the changes to “%1” before closing?").arg(title),
                  QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, parent);
  box.setInformativeText(tr("Without saving they are lost."));
  box.setDefaultButton(QMessageBox::Save);
  box.setIconPixmap(widgets::icon("warning", widgets::Theme::of(parent).warning).pixmap(kSignPx));
  switch (box.exec()) {
    case QMessageBox::Save:
      return Unsaved::Save;
    case QMessageBox::Discard:
      return Unsaved::Discard;
    default:
      return Unsaved::Cancel;
  }
}

}  // namespace nw::app
