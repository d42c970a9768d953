#pragma once

#include <QTest>
#include <functional>
#include <span>
#include <string>

namespace nw::test {

/// A text that must be refused, and how the message begins.
struct Mistake {
  const char* text;
  const char* error;
};

/// The columns "text" and "error", a row for each.
inline void add_rows(std::span<const Mistake> mistakes) {
  QTest::addColumn<QString>("text");
  QTest::addColumn<QString>("error");
  for (const Mistake& mistake : mistakes) {
    QTest::newRow(mistake.text) << QString::fromUtf8(mistake.text)
                                << QString::fromUtf8(mistake.error);
  }
}

/// That the text of the row is refused as it says; `error_of` reads a text and gives the message.
inline void expect_mistake(const std::function<std::string(const std::string&)>& error_of) {
  QFETCH(QString, text);
  QFETCH(QString, error);
  const std::string found = error_of(text.toStdString());
  QVERIFY2(found.starts_with(error.toStdString()), ("gets: " + found).c_str());
}

}  // namespace nw::test
