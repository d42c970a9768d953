#pragma once

#include <QApplication>
#include <QDir>
#include <QPixmap>
#include <QTest>
#include <QWidget>

#include "widgets/style/theme.h"

namespace nw::test {

/// Leaves pictures of `widget` in $NW_SCREENSHOTS as NAME-light.png, NAME-dark.png and the same at
/// twice the resolution (NAME-light-2x.png); nowhere without that variable. Ends in the light
/// theme.
inline void screenshots(QWidget& widget, const QString& name) {
  const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
  if (folder.isEmpty()) return;
  QVERIFY(QDir().mkpath(folder));
  const std::pair<widgets::ThemeKind, const char*> themes[] = {
      {widgets::ThemeKind::Dark, "dark"}, {widgets::ThemeKind::Light, "light"}};
  for (const auto& [kind, theme] : themes) {
    widgets::applyTheme(*qApp, kind);
    QTest::qWait(50);
    for (int scale : {1, 2}) {
      QPixmap picture(widget.size() * scale);
      picture.setDevicePixelRatio(scale);
      picture.fill(widget.palette().color(QPalette::Window));
      widget.render(&picture);
      const QString suffix = scale == 1 ? QString() : QStringLiteral("-2x");
      QVERIFY(picture.save(QDir(folder).filePath(name + '-' + theme + suffix + ".png")));
    }
  }
}

}  // namespace nw::test
