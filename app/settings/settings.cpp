#include "app/settings/settings.h"

#include <QDir>
#include <array>
#include <utility>

namespace nw::app {
namespace {

using widgets::ThemeKind;

constexpr int kRecentFiles = 8;

const std::array<std::pair<ThemeKind, const char*>, 4> kThemeNames = {{
    {ThemeKind::System, "system"},
    {ThemeKind::Light, "light"},
    {ThemeKind::Dark, "dark"},
    {ThemeKind::HighContrast, "high-contrast"},
}};

}  // namespace

Settings::Settings(const QString& file)
    : store_(file.isEmpty()
                 ? QSettings(QSettings::IniFormat, QSettings::UserScope, "netwright", "netwright")
                       .fileName()
                 : file,
             QSettings::IniFormat) {}

ThemeKind Settings::theme() const {
  return themeFromName(store_.value("theme").toString());
}

void Settings::setTheme(ThemeKind theme) {
  store_.setValue("theme", themeName(theme));
}

QStringList Settings::recentFiles() const {
  return store_.value("recentFiles").toStringList();
}

void Settings::addRecentFile(const QString& path) {
  QStringList files = recentFiles();
  files.removeAll(path);
  files.prepend(path);
  store_.setValue("recentFiles", files.mid(0, kRecentFiles));
}

void Settings::removeRecentFile(const QString& path) {
  QStringList files = recentFiles();
  files.removeAll(path);
  store_.setValue("recentFiles", files);
}

QByteArray Settings::geometry() const {
  return store_.value("window/geometry").toByteArray();
}

QByteArray Settings::layout() const {
  return store_.value("window/layout").toByteArray();
}

void Settings::setWindow(const QByteArray& geometry, const QByteArray& layout) {
  store_.setValue("window/geometry", geometry);
  store_.setValue("window/layout", layout);
}

QString Settings::folder() const {
  return store_.value("folder", QDir::homePath()).toString();
}

void Settings::setFolder(const QString& folder) {
  store_.setValue("folder", folder);
}

ThemeKind themeFromName(const QString& name) {
  for (const auto& [kind, text] : kThemeNames) {
    if (name == QLatin1String(text)) return kind;
  }
  return ThemeKind::System;
}

QString themeName(ThemeKind theme) {
  for (const auto& [kind, text] : kThemeNames) {
    if (kind == theme) return text;
  }
  return "system";
}

}  // namespace nw::app
