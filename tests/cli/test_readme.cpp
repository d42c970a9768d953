#include <QRegularExpression>

#include "tests/cli/child.h"

using namespace nw::cli_test;

/// What README.md shows must be true.
class TestReadme : public QObject {
  Q_OBJECT

 private:
  const QString text_ = QString::fromUtf8(read(NW_SOURCE_DIR "/README.md"));

  /// The code block in a language.
  QString block(const QString& language) const {
    const qsizetype start = text_.indexOf("```" + language + "\n");
    if (start < 0) return {};
    const qsizetype first = start + language.size() + 4;
    return text_.mid(first, text_.indexOf("```", first) - first);
  }

 private slots:
  void the_library_example_compiles_and_trains() {
    QTemporaryDir folder;
    const QString source = folder.filePath("example.cpp");
    write(source, block("cpp").toUtf8());
    QProcess compiler;
    compiler.start(NW_CXX, QString(NW_CXX_FLAGS).split(' ', Qt::SkipEmptyParts) +
                               QStringList{"-I" NW_SOURCE_DIR, source, "-o",
                                           folder.filePath("example"), "-L" NW_BINARY_DIR "/lib",
                                           "-lnetwright-core", "-Wl,-rpath," NW_BINARY_DIR "/lib"});
    QVERIFY(compiler.waitForFinished(kWaitMs));
    QVERIFY2(compiler.exitCode() == 0, compiler.readAllStandardError().constData());

    QProcess program;
    program.setWorkingDirectory(folder.path());
    program.start(folder.filePath("example"), {example("spirals.netwright")});
    QVERIFY(program.waitForFinished(kWaitMs));
    QCOMPARE(program.exitCode(), 0);
    const QByteArray said = program.readAllStandardOutput();
    QVERIFY2(said.contains("epoch 40: loss "), said.constData());
    QVERIFY(QFile::exists(folder.filePath("weights.pt")));
  }

  void commands_and_options_exist() {
    static const QRegularExpression kCommand("^build/release/bin/netwright-cli (\\S+)(.*)$",
                                             QRegularExpression::MultilineOption);
    QStringList verbs;
    for (const QRegularExpressionMatch& command : kCommand.globalMatch(text_)) {
      verbs += command.captured(1);
      const Result help = run({command.captured(1), "--help"});
      VERIFY_CHILD(help.code == 0, help);
      for (const QString& word : command.captured(2).split(' ')) {
        if (word.startsWith('-')) VERIFY_CHILD(help.out.contains(word.toUtf8()), help);
        if (word.startsWith("resources/")) QVERIFY(QFile::exists(NW_SOURCE_DIR "/" + word));
      }
    }
    QCOMPARE(verbs, QStringList({"check", "train", "eval", "export", "export", "run", "train",
                                 "blocks", "bench", "doctor", "selftest"}));
  }

  /// Here, or on the page of what is proved.
  void every_block_and_optimizer_is_named() {
    const QString known =
        text_ + QString::fromUtf8(read(NW_SOURCE_DIR "/resources/docs/coverage.md"));
    const QJsonObject json = run({"blocks", "--json"}).json();
    QStringList ids;
    for (const QString list : {"blocks", "optimizers"}) {
      for (const QJsonValue one : json[list].toArray()) ids += one["id"].toString();
    }
    QVERIFY(ids.size() >= 15);
    ids.removeAll("LeCunTanh");  // from the example of a plugin
    for (const QString& id : ids) QVERIFY2(known.contains(id), qPrintable(id));
  }

  void files_it_links_to_exist() {
    static const QRegularExpression kLink("\\[[^\\]\\n]+\\]\\(([^)\\s]+)\\)");
    for (const QRegularExpressionMatch& link : kLink.globalMatch(text_)) {
      QVERIFY2(QFile::exists(NW_SOURCE_DIR "/" + link.captured(1)), qPrintable(link.captured(1)));
    }
  }
};

QTEST_GUILESS_MAIN(TestReadme)
#include "test_readme.moc"
