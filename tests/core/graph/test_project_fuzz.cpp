#include <QTest>

#include "core/graph/infer.h"
#include "core/graph/project.h"
#include "tests/core/graph/graphs.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

/// Bits of projects and of things that no project should hold.
const std::vector<std::string> kPieces = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          ":",
                                          "\"",
                                          "\\",
                                          "null",
                                          "true",
                                          "-",
                                          "1e999",
                                          "NaN",
                                          "0.1",
                                          "-0",
                                          "9223372036854775808",
                                          "\"id\"",
                                          "\"block\"",
                                          "\"args\"",
                                          "\"Linear\"",
                                          "\"Mystery\"",
                                          "\"\\ud800\"",
                                          "\"output\"",
                                          "{\"a\": {}}",
                                          "[1, 2]",
                                          "\xff",
                                          "\xC3",
                                          "\n",
                                          "  ",
                                          "1",
                                          "2",
                                          "\"version\": 7",
                                          "\"kernel_size\": [0, -1]",
                                          std::string("\0", 1)};

std::string seed_project() {
  Project project;
  project.graph = test::lenet();
  project.graph.nodes[1].name = "conv1";
  project.graph.nodes[4].block = "Mystery";
  project.graph.nodes[4].args = {};
  project.graph.nodes[4].extra = R"({"args": {"a": [1, {"b": 2.50}]}, "note": "é"})";
  project.extra = R"({"future": [1, 2], "run": {"note": "x"}})";
  return to_json(project);
}

/// Damages the text at a few places.
std::string damaged(std::string json, test::Draw& draw) {
  for (int64_t edits = draw.integer(1, 4); edits > 0 && !json.empty(); --edits) {
    const auto last = static_cast<int64_t>(json.size()) - 1;
    const auto at = static_cast<size_t>(draw.integer(0, last));
    const auto length = static_cast<size_t>(draw.integer(1, 30));
    const std::string& piece =
        kPieces[static_cast<size_t>(draw.integer(0, static_cast<int64_t>(kPieces.size()) - 1))];
    switch (draw.integer(0, 5)) {
      case 0:
        json[at] = static_cast<char>(draw.integer(0, 255));
        break;
      case 1:
        json.erase(at, length);
        break;
      case 2:
        json.insert(at, piece);
        break;
      case 3:
        json.insert(at, json.substr(static_cast<size_t>(draw.integer(0, last)), length));
        break;
      case 4:
        json.resize(at);
        break;
      default: {  // one value for another
        const size_t begin = json.find(": ", at);
        if (begin == std::string::npos) break;
        const size_t end = json.find_first_of(",\n}", begin);
        json.replace(begin + 2, end - begin - 2, piece);
      }
    }
  }
  return json;
}

}  // namespace

class TestProjectFuzz : public QObject {
  Q_OBJECT

 private slots:
  void damagedFilesAreRefusedOrReadWhole() {
    test::Draw draw(test::test_seed());
    const std::string whole = seed_project();
    int read = 0;
    constexpr int kRounds = 20000;
    for (int round = 0; round < kRounds; ++round) {
      const std::string json = damaged(whole, draw);
      try {
        const Project project = project_from_json(json, "fuzz.netwright");
        ++read;
        const std::string saved = to_json(project);
        QCOMPARE(text(to_json(project_from_json(saved, "saved"))), text(saved));
        infer(project.graph, test::images());  // never throws
      } catch (const InternalError& error) {
        QFAIL(qPrintable(text(error.text()) + "\n" + text(json)));
      } catch (const Error& error) {
        QVERIFY2(text(error.text()).startsWith("[fuzz.netwright] "),
                 qPrintable(text(error.text()) + "\n" + text(json)));
      }
    }
    qInfo("%d of %d damaged projects could be read", read, kRounds);
    QVERIFY(read > kRounds / 100);
    QVERIFY(read < kRounds);
  }
};

QTEST_GUILESS_MAIN(TestProjectFuzz)
#include "test_project_fuzz.moc"
