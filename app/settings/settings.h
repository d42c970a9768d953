#pragma once

#include <QByteArray>
#include <QSettings>
#include <QStringList>

#include "widgets/style/theme.h"

namespace nw::app {

/// What the program remembers from one start to the next. Passed to those who need it; a test gives
/// it a file of its own.
class Settings {
 public:
  /// The user's own file when `file` is empty.
  explicit Settings(const QString& file = {});

  widgets::ThemeKind theme() const;
  void setTheme(widgets::ThemeKind theme);

  /// Newest first.
  QStringList recentFiles() const;
  void addRecentFile(const QString& path);
  void removeRecentFile(const QString& path);

  /// Empty before the first close.
  QByteArray geometry() const;
  QByteArray layout() const;
  void setWindow(const QByteArray& geometry, const QByteArray& layout);

  /// Where a file was last opened or saved.
  QString folder() const;
  void setFolder(const QString& folder);

 private:
  QSettings store_;
};

/// "light", "dark", "high-contrast", "system"; the last for anything else.
widgets::ThemeKind themeFromName(const QString& name);
QString themeName(widgets::ThemeKind theme);

}  // namespace nw::app
