#include <QTemporaryDir>
#include <QTest>

#include "tests/architecture/rules.h"

namespace {

namespace fs = std::filesystem;

QString joined(const std::vector<std::string>& lines) {
  QString text;
  for (const std::string& line : lines) text += QString::fromStdString(line) + "\n";
  return text;
}

/// A small tree that keeps the rules, to break one at a time.
class Tree {
 public:
  Tree() {
    write("core/CMakeLists.txt",
          "nw_core_level(base)\n"
          "nw_core_level(tensor AFTER base)\n"
          "nw_core_level(ops AFTER tensor USES Eigen3::Eigen)\n"
          "nw_core_level(data AFTER tensor)\n");
    write("core/base/error.h", "#pragma once\n#include <string>\n");
    write("core/tensor/tensor.h", "#pragma once\n#include \"core/base/error.h\"\n");
    write("core/ops/add.cpp",
          "#include \"core/base/error.h\"\n#include \"core/tensor/tensor.h\"\n");
    write("core/data/set.h", "#pragma once\n");
    write("widgets/view.h", "#pragma once\n#include <QWidget>\n#include \"core/data/set.h\"\n");
    write("app/window.h", "#pragma once\n#include \"widgets/view.h\"\n");
    write("app/cli/run.h", "#pragma once\n#include \"core/data/set.h\"\n");
    write("plugins/one/plugin.h", "#pragma once\n#include \"core/tensor/tensor.h\"\n");
    write("plugins/two/plugin.h", "#pragma once\n");
    write("tests/test_window.cpp", "#include \"app/window.h\"\n#include \"test_window.moc\"\n");
  }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << text;
  }

  fs::path root() const { return folder_.path().toStdString(); }

  std::vector<std::string> offences() const {
    std::vector<std::string> all = nw::rules::include_offences(root());
    for (const std::string& one : nw::rules::level_offences(root())) all.push_back(one);
    for (const std::string& one : nw::rules::form_offences(root())) all.push_back(one);
    return all;
  }

 private:
  QTemporaryDir folder_;
};

}  // namespace

class TestArchitecture : public QObject {
  Q_OBJECT

 private slots:
  void includes_point_down() {
    const auto offences = nw::rules::include_offences(NW_SOURCE_DIR);
    QVERIFY2(offences.empty(), qPrintable(joined(offences)));
  }

  void folders_of_core_are_levels() {
    const auto offences = nw::rules::level_offences(NW_SOURCE_DIR);
    QVERIFY2(offences.empty(), qPrintable(joined(offences)));
  }

  void files_keep_their_form() {
    const auto offences = nw::rules::form_offences(NW_SOURCE_DIR);
    QVERIFY2(offences.empty(), qPrintable(joined(offences)));
  }

  /// Guards against a check that reads nothing: the tree is really walked and its levels are known.
  void the_real_tree_is_read() {
    QVERIFY(nw::rules::sources(NW_SOURCE_DIR).size() > 100);
    const nw::rules::Levels levels = nw::rules::core_levels(NW_SOURCE_DIR);
    QVERIFY(levels.at("train").count("base") == 1);
    QVERIFY(levels.at("base").count("train") == 0);
    QVERIFY(!nw::rules::includes_of(NW_SOURCE_DIR, "core/tensor/tensor.h").empty());
  }

  void a_good_tree_passes() {
    const Tree tree;
    QVERIFY2(tree.offences().empty(), qPrintable(joined(tree.offences())));
  }

  void a_bad_tree_is_found_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("text");
    const auto bad = [](const char* name, const char* file, const char* text) {
      QTest::newRow(name) << QString(file) << QString(text);
    };
    bad("up in core", "core/base/a.h", "#pragma once\n#include \"core/tensor/tensor.h\"\n");
    bad("sideways in core", "core/data/a.h", "#pragma once\n#include \"core/ops/add.cpp\"\n");
    bad("core to widgets", "core/ops/a.cpp", "#include \"widgets/view.h\"\n");
    bad("core to app", "core/ops/a.cpp", "  #  include \"app/window.h\"\n");
    bad("core to a file beside the levels", "core/ops/a.cpp", "#include \"core/CMakeLists.txt\"\n");
    bad("widgets to app", "widgets/a.h", "#pragma once\n#include \"app/window.h\"\n");
    bad("plugin to app", "plugins/one/a.cpp", "#include \"app/window.h\"\n");
    bad("plugin to plugin", "plugins/one/a.cpp", "#include \"plugins/two/plugin.h\"\n");
    bad("command line to window", "app/cli/a.cpp", "#include \"app/window.h\"\n");
    bad("command line to Qt", "app/cli/a.cpp", "#include <QString>\n");
    bad("Qt in core", "core/base/a.cpp", "#include <QtCore/QString>\n");
    bad("Qt in core, lower case", "core/base/a.cpp", "#include <qglobal.h>\n");
    bad("CUDA in core", "core/base/a.cpp", "#include <cuda_runtime.h>\n");
    bad("not from the root", "core/base/a.cpp", "#include \"error.h\"\n");
    bad("folder without a level", "core/extra/a.cpp", "int x;\n");
    bad("no pragma once", "core/base/a.h", "int x;\n");
    bad("using namespace", "app/a.h", "#pragma once\nusing namespace std;\n");
    QTest::newRow("too long") << "app/a.cpp" << QString("int x;\n").repeated(601);
  }

  void a_bad_tree_is_found() {
    QFETCH(QString, file);
    QFETCH(QString, text);
    Tree tree;
    tree.write(file.toStdString(), text.toStdString());
    const std::vector<std::string> offences = tree.offences();
    QCOMPARE(offences.size(), size_t{1});
    // The file is named, or for a folder without a level the folder.
    QVERIFY2(file.startsWith(QString::fromStdString(offences[0]).section(':', 0, 0)),
             qPrintable(joined(offences)));
  }
};

QTEST_GUILESS_MAIN(TestArchitecture)
#include "test_architecture.moc"
