#pragma once

#include <QByteArray>
#include <QProcess>
#include <QStringList>
#include <QtTest>

/// Debian's Python, which has torch: the `python3` on the PATH may be another one.
inline constexpr const char* kPython = "/usr/bin/python3";

/// What a Python script prints; the test fails with its errors when it fails.
inline QByteArray runPython(const QString& script, const QStringList& arguments = {}) {
  constexpr int kPatienceMs = 300'000;
  QProcess process;
  process.start(kPython, QStringList{"-c", script} + arguments);
  if (!process.waitForFinished(kPatienceMs) || process.exitCode() != 0) {
    QTest::qFail(("python: " + process.readAllStandardError() + process.errorString().toUtf8()),
                 __FILE__, __LINE__);
  }
  return process.readAllStandardOutput();
}
