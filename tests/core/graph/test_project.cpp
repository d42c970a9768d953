#include "core/graph/project.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <limits>

#include "core/base/file.h"
#include "tests/core/graph/graphs.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

Project lenet_project() {
  Project project;
  project.graph = test::lenet();
  project.graph.nodes[1].name = "conv1";
  project.graph.nodes[3].x = 12.25;
  project.graph.nodes[3].y = -0.1;
  project.run.optimizer = {"SGD", {{"lr", 0.05}, {"momentum", 0.9}}};
  project.run.seed = 7;
  return project;
}

/// A small project as text, with `node` as the members of its second node.
std::string with_node(const std::string& node) {
  return R"({"format": "netwright-project", "version": 1, "graph": {"nodes": [
    {"id": 1, "block": "Input"},
    {)" + node +
         R"(}
  ], "wires": []}})";
}

std::string error_of(const std::string& json) {
  try {
    project_from_json(json, "a.netwright");
  } catch (const InternalError& error) {
    return "INTERNAL " + error.text();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

}  // namespace

class TestProject : public QObject {
  Q_OBJECT

 private slots:
  void argumentsOfEveryKindSurvive() {
    const nn::Nested layer({.id = "TransformerEncoderLayer",
                            .args = {{"d_model", int64_t{8}}, {"nhead", int64_t{2}}}});
    Project project;
    const auto add = [&](const char* block, nn::Args args) {
      Node node;
      node.id = project.graph.next_id();
      node.block = block;
      node.args = std::move(args);
      project.graph.nodes.push_back(std::move(node));
    };
    add("TransformerEncoder", {{"encoder_layer", layer}, {"num_layers", int64_t{3}}});
    add("AdaptiveAvgPool2d", {{"output_size", std::vector<int64_t>{nn::kNoneItem, 7}}});
    add("Upsample", {{"scale_factor", std::vector<double>{2.0, 1.5}}});
    add("LayerNorm", {{"normalized_shape", std::vector<int64_t>{3, 3}}});
    add("Hardtanh", {{"max_val", std::numeric_limits<double>::infinity()}});
    const Project read = project_from_json(to_json(project), "test");
    QCOMPARE(read.graph.nodes.size(), project.graph.nodes.size());
    for (size_t i = 0; i < read.graph.nodes.size(); ++i) {
      QVERIFY2(read.graph.nodes[i].args == project.graph.nodes[i].args,
               read.graph.nodes[i].block.c_str());
    }
  }

  void comesBackAsItWas() {
    const Project project = lenet_project();
    const std::string json = to_json(project);
    const Project back = project_from_json(json, "a.netwright");
    QCOMPARE(text(to_json(back)), text(json));
    QCOMPARE(back.graph.nodes.size(), project.graph.nodes.size());
    for (size_t i = 0; i < project.graph.nodes.size(); ++i) {
      const Node& a = project.graph.nodes[i];
      const Node& b = back.graph.nodes[i];
      QCOMPARE(b.id, a.id);
      QCOMPARE(text(b.block), text(a.block));
      QCOMPARE(text(b.name), text(a.name));
      const nn::Block& block = *nn::blocks().find(a.block);
      QVERIFY(block.complete(b.args) == block.complete(a.args));
      QCOMPARE(b.x, a.x);  // bit for bit
      QCOMPARE(b.y, a.y);
    }
    QVERIFY(back.graph.wires == project.graph.wires);
    QVERIFY(back.run == project.run);
    QVERIFY(json.ends_with("}\n"));
    QVERIFY(!json.ends_with("\n\n"));
  }

  void keepsEveryNumberExactly() {
    Project project = lenet_project();
    for (double lr : {0.1, 1e-300, 0.30000000000000004, 1.0, 123456789.123456789, 2.0 / 3.0}) {
      project.run.optimizer.args.set("lr", lr);
      project.run.seed = 9007199254740993;  // 2⁵³ + 1
      const Project back = project_from_json(to_json(project), "a");
      QCOMPARE(back.run.optimizer.args.real("lr"), lr);
      QCOMPARE(back.run.seed, int64_t{9007199254740993});
    }
  }

  void writesOnlyWhatDiffersFromTheDefaults() {
    Project project = lenet_project();
    project.graph.nodes[1].args.set("stride", std::vector<int64_t>{1, 1});
    project.graph.nodes[1].args.set("bias", true);
    const std::string json = to_json(project);
    QVERIFY(json.find("stride") == std::string::npos);
    QVERIFY(json.find("bias") == std::string::npos);
    QVERIFY2(json.find(R"("args": {"out_channels": 6, "kernel_size": 5, "padding": 2},)") !=
                 std::string::npos,
             json.c_str());
  }

  void changesFewLinesForASmallEdit() {
    Project project = lenet_project();
    const QStringList before = text(to_json(project)).split('\n');
    project.graph.nodes[8].args.set("out_features", int64_t{121});
    const QStringList after = text(to_json(project)).split('\n');
    QCOMPARE(before.size(), after.size());
    int changed = 0;
    for (qsizetype i = 0; i < before.size(); ++i) changed += before[i] != after[i];
    QCOMPARE(changed, 1);
    for (const QString& line : after) {
      const auto spaces = line.size() - line.trimmed().size();
      QVERIFY2(spaces % 2 == 0, qPrintable(line));
    }
  }

  void keepsUnknownBlocksAndMembersByteForByte() {
    const std::string members[] = {
        "\"args\": {\"alpha\": 0.10, \"big\": 123456789012345678901234, \"list\": [1, \"two\", "
        "{\"a\": null}]}",
        "\"sub\\u00e9\": \"caf\\u00e9 \\/ \\\"quoted\\\"\"",
        "\"nested\": {\n            \"deep\": [1.50e+02,\n  -0.0]\n          }",
    };
    std::string node = "\"id\": 2, \"block\": \"Mystery\", \"version\": 3, \"x\": 5, \"y\": 6";
    for (const std::string& member : members) node += ", " + member;
    std::string json = with_node(node);
    json.insert(json.size() - 1,
                ", \"future\": {\"k\": [1.0, 2]}, \"run\": {\"note\": \"n\\u00f6\", \"data\":\n    "
                "  {\"id\": \"xor\", \"tag\": 1.250}}");
    const Project project = project_from_json(json, "a");
    const std::string saved = to_json(project);
    for (const std::string& member : members) {
      QVERIFY2(saved.find(member) != std::string::npos, saved.c_str());
    }
    for (const char* member : {"\"future\": {\"k\": [1.0, 2]}", "\"note\": \"n\\u00f6\"",
                               "\"tag\": 1.250", "\"block\": \"Mystery\"", "\"version\": 3"}) {
      QVERIFY2(saved.find(member) != std::string::npos, saved.c_str());
    }
    QCOMPARE(text(to_json(project_from_json(saved, "a"))), text(saved));
  }

  void keepsBlocksOfANewerVersion() {
    const std::string member = R"("args": {"in_features": "auto", "rank": {"r": 4}})";
    const Project project = project_from_json(
        with_node(R"("id": 2, "block": "Linear", "version": 99, )" + member), "a");
    QCOMPARE(project.graph.nodes[1].block_version, 99);
    QVERIFY(to_json(project).find(member) != std::string::npos);
  }

  void tellsWhatIsWrong_data() {
    QTest::addColumn<QString>("json");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const std::string& json, const char* expected) {
      QTest::newRow(name) << text(json) << QString::fromUtf8(expected);
    };
    row("empty", "", "line 1, column 1: is not valid JSON");
    row("truncated", "{\"format\": \"netwright-project\",\n  \"version\": 1,\n  \"gra",
        "line 3, column 7: is not valid JSON");
    row("other JSON", "[1, 2]", "expects an object, gets [1, 2]");
    row("no format", "{}", "expects the member \"format\"");
    row("other format", R"({"format": "x"})", "format: expects \"netwright-project\", gets \"x\"");
    row("newer", R"({"format": "netwright-project", "version": 2, "graph": {}})",
        "version: is 2, and this program reads versions up to 1; open the file with a newer");
    row("version text", R"({"format": "netwright-project", "version": "1"})",
        "version: expects an integer from 1");
    row("no graph", R"({"format": "netwright-project", "version": 1})",
        "expects the member \"graph\"");
    row("nodes no list",
        R"({"format": "netwright-project", "version": 1, "graph": {"nodes": {"a": 1}}})",
        "graph.nodes: expects a list, gets {\"a\": 1}");
    row("wrong type", with_node(R"("id": 2, "block": "Conv2d", "args": {"kernel_size": "five"})"),
        "[a.netwright] graph.nodes[1].args.kernel_size: expects an integer or 2 integers, gets "
        "\"five\" (line 3)");
    row("wrong count",
        with_node(R"("id": 2, "block": "Conv2d", "args": {"kernel_size": [1, 2, 3]})"),
        "graph.nodes[1].args.kernel_size: expects an integer or 2 integers, gets [1, 2, 3]");
    row("real for int", with_node(R"("id": 2, "block": "Linear", "args": {"out_features": 1.5})"),
        "graph.nodes[1].args.out_features: expects an integer, gets 1.5");
    row("object for int", with_node(R"("id": 2, "block": "Linear", "args": {"out_features": {}})"),
        "graph.nodes[1].args.out_features: expects an integer, gets {}");
    row("null for int", with_node(R"("id": 2, "block": "Linear", "args": {"out_features": null})"),
        "graph.nodes[1].args.out_features: expects an integer, gets null");
    row("text for bool", with_node(R"("id": 2, "block": "Linear", "args": {"bias": "yes"})"),
        "graph.nodes[1].args.bias: expects True or False, gets \"yes\"");
    row("args no object", with_node(R"("id": 2, "block": "Linear", "args": [1])"),
        "graph.nodes[1].args: expects an object, gets [1]");
    row("id text", with_node(R"("id": "2", "block": "Linear")"),
        "graph.nodes[1].id: expects an integer from 1");
    row("id zero", with_node(R"("id": 0, "block": "Linear")"),
        "graph.nodes[1].id: expects an integer from 1");
    row("id huge", with_node(R"("id": 99999999999999999999, "block": "Linear")"),
        "graph.nodes[1].id: expects an integer from 1");
    row("no id", with_node(R"("block": "Linear")"), "graph.nodes[1]: expects the member \"id\"");
    row("no block", with_node(R"("id": 2)"), "graph.nodes[1]: expects the member \"block\"");
    row("same id", with_node(R"("id": 1, "block": "Linear")"),
        "graph.nodes[1]: has the id 1 of graph.nodes[0]");
    row("same member", with_node(R"("id": 2, "id": 3, "block": "Linear")"),
        "graph.nodes[1]: has the member \"id\" twice");
    row("too large number", with_node(R"("id": 2, "block": "Linear", "x": 1e400)"),
        "expects numbers that a computer can hold");
    row("NaN", with_node(R"("id": 2, "block": "Linear", "x": NaN)"), "is not valid JSON");
    row("far away", with_node(R"("id": 2, "block": "Linear", "x": 1e300)"),
        "graph.nodes[1].x: expects a number from");
    row("epochs text", R"({"format": "netwright-project", "version": 1, "graph": {},
        "run": {"epochs": "many"}})",
        "run.epochs: expects an integer, gets \"many\"");
    row("optimizer text", R"({"format": "netwright-project", "version": 1, "graph": {},
        "run": {"optimizer": "SGD"}})",
        "run.optimizer: expects an object, gets \"SGD\"");
    row("lr text", R"({"format": "netwright-project", "version": 1, "graph": {},
        "run": {"optimizer": {"id": "SGD", "args": {"lr": "fast"}}}})",
        "run.optimizer.args.lr: expects a number, gets \"fast\"");
    row("deep", std::string(100000, '['), "expects brackets nested at most 100 deep");
    row("bad UTF-8", "{\"format\": \"\xff\xfe\"}", "is not valid JSON");
  }
  void tellsWhatIsWrong() {
    QFETCH(QString, json);
    QFETCH(QString, expected);
    std::string raw = json.toStdString();
    if (QString(QTest::currentDataTag()) == "bad UTF-8") raw = "{\"format\": \"\xff\xfe\"}";
    const QString error = text(error_of(raw));
    QVERIFY2(error.startsWith("[a.netwright] "), qPrintable(error));
    QVERIFY2(error.contains(expected), qPrintable(error));
  }

  void checksWires_data() {
    QTest::addColumn<QString>("wires");
    QTest::addColumn<QString>("expected");
    QTest::newRow("no node") << R"({"from": [1, "output"], "to": [9, "input"]})"
                             << "graph.wires[0].to[0]: expects the id of a node, gets 9";
    QTest::newRow("no port") << R"({"from": [1, "exit"], "to": [2, "input"]})"
                             << "graph.wires[0].from[1]: expects a port of Input (it has "
                                "\"output\", \"target\"), gets \"exit\"";
    QTest::newRow("two into one")
        << R"({"from": [1, "output"], "to": [2, "input"]}, {"from": [1, "output"], "to": [2, "input"]})"
        << "graph.wires[1].to: expects one wire into a port, gets a second one into \"input\" of "
           "node 2";
    QTest::newRow("three items") << R"({"from": [1, "output", 3], "to": [2, "input"]})"
                                 << "graph.wires[0].from: expects [node id, \"port\"]";
    QTest::newRow("no to") << R"({"from": [1, "output"]})"
                           << "expects the member \"to\"";
    QTest::newRow("more") << R"({"from": [1, "output"], "to": [2, "input"], "color": 1})"
                          << "graph.wires[0]: expects only \"from\" and \"to\"";
    QTest::newRow("any port of an unknown block")
        << R"({"from": [3, "anything"], "to": [2, "input"]})"
        << "";
  }
  void checksWires() {
    QFETCH(QString, wires);
    QFETCH(QString, expected);
    const std::string json = R"({"format": "netwright-project", "version": 1, "graph": {"nodes": [
      {"id": 1, "block": "Input"}, {"id": 2, "block": "Linear"}, {"id": 3, "block": "Mystery"}],
      "wires": [)" + wires.toStdString() +
                             "]}}";
    const QString error = text(error_of(json));
    QCOMPARE(error.isEmpty(), expected.isEmpty());
    QVERIFY2(error.contains(expected), qPrintable(error));
  }

  void keepsValuesOutOfRangeForInferenceToReport() {
    const Project project = project_from_json(
        with_node(R"("id": 2, "block": "Linear", "args": {"out_features": -3, "colour": 1})"), "a");
    QCOMPARE(project.graph.nodes[1].args.integer("out_features"), int64_t{-3});
    QVERIFY(to_json(project).find(R"({"out_features": -3, "colour": 1})") != std::string::npos);
  }

  void readsAByteOrderMark() {
    const std::string json = "\xEF\xBB\xBF" + to_json(lenet_project());
    QCOMPARE(text(to_json(project_from_json(json, "a"))), text(to_json(lenet_project())));
  }

  void savesAndLoadsFiles() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath("lenet.netwright").toStdString();
    save_project(lenet_project(), path);
    QCOMPARE(text(to_json(load_project(path))), text(to_json(lenet_project())));
    QVERIFY_EXCEPTION_THROWN(load_project(path + ".missing"), Error);
    QVERIFY_EXCEPTION_THROWN(save_project(lenet_project(), path + "/no/such/folder"), Error);
    write_file_atomically(path, read_file(path).substr(0, 100));
    try {
      load_project(path);
      QFAIL("a truncated file was read");
    } catch (const Error& error) {
      QVERIFY2(text(error.text()).contains(text(path)), error.what());
    }
  }

  void checksSettings() {
    RunSettings run;
    QVERIFY(problems_of(run).empty());
    run.epochs = 0;
    QCOMPARE(text(problems_of(run).at(0)), QString("[run] epochs must be at least 1, is 0"));
    run = {};
    run.validation = 1;
    QCOMPARE(problems_of(run).size(), size_t{1});
    run = {};
    run.device = "cuda:0";
    QVERIFY(text(problems_of(run).at(0)).contains("cuda"));
    run.device = "meta";
    QVERIFY(text(problems_of(run).at(0)).contains("expects one with numbers"));
    run = {};
    run.optimizer.id = "Nonsense";
    QVERIFY(text(problems_of(run).at(0)).contains("the optimizer \"Nonsense\" is unknown"));
    run = {};
    run.data.id = "Nonsense";
    QVERIFY(text(problems_of(run).at(0)).contains("the data set \"Nonsense\" is unknown"));
    run = {};
    run.optimizer.args.set("lr", -1.0);
    QVERIFY(text(problems_of(run).at(0)).contains("lr must be"));
  }

  void keepsWhatAnUpdateDoes() {
    Project project = lenet_project();
    const std::string plain = to_json(project);
    project.run.schedulers = {{"LinearLR", {{"total_iters", int64_t{3}}}},
                              {"StepLR", {{"step_size", int64_t{2}}}}};
    project.run.warmup = 20;
    project.run.clip_norm = 1.5;
    project.run.ema_decay = 0.99;
    const std::string full = to_json(project);
    const Project back = project_from_json(full, "a.netwright");
    QVERIFY(back.run == project.run);
    QCOMPARE(text(to_json(back)), text(full));
    // What is not set is not written, so that files of before stay as they are.
    QVERIFY(full.find("clip_value") == full.npos);
    for (const char* key : {"schedulers", "warmup", "clip_norm", "clip_value", "ema_decay"}) {
      QVERIFY2(plain.find(key) == plain.npos, key);
    }
    QVERIFY(project_from_json(plain, "a.netwright").run.schedulers.empty());
    // In the order of the form, after the optimiser.
    size_t last = 0;
    for (const char* key : {"\"optimizer\"", "\"schedulers\"", "\"epochs\"", "\"device\"",
                            "\"warmup\"", "\"clip_norm\"", "\"ema_decay\""}) {
      const size_t at = full.find(key);
      QVERIFY2(at != full.npos && at > last, key);
      last = at;
    }
  }

  void keepsUnknownMembersOfSchedulers() {
    const auto json = [](const std::string& schedulers) {
      return R"({"format": "netwright-project", "version": 1, "graph": {}, "run": {"schedulers": )" +
             schedulers + "}}";
    };
    const std::string two =
        R"([{"id": "StepLR", "note": {"a": 1}}, {"id": "FromTheFuture", "args": {"x": 2}, "b": 3}])";
    Project project = project_from_json(json(two), "a.netwright");
    QCOMPARE(project.run.schedulers.size(), size_t{2});
    project.run.schedulers.erase(project.run.schedulers.begin());
    const std::string written = to_json(project);
    QVERIFY2(written.find(R"({"id": "FromTheFuture", "args": {"x": 2}, "b": 3})") != written.npos,
             written.c_str());
    QVERIFY(written.find("note") == written.npos);
    QVERIFY(text(problems_of(project.run).at(0)).contains("FromTheFuture"));
    QVERIFY(text(error_of(json("\"StepLR\""))).contains("run.schedulers: expects"));
    QVERIFY(text(error_of(json(R"([{"id": "StepLR", "args": {"gamma": "low"}}])")))
                .contains("run.schedulers[0].args.gamma: expects a number"));
  }

  void checksSchedulersTogether_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("expected");
    QTest::newRow("argument") << "argument"
                              << "[StepLR] step_size must be at least 1";
    QTest::newRow("two that set the rate") << "two"
                                           << "[OneCycleLR] sets the learning rate anew";
    QTest::newRow("warm-up") << "warmup"
                             << "[CosineAnnealingWarmRestarts] sets the learning rate";
    QTest::newRow("no momentum") << "momentum"
                                 << "[CyclicLR] cycle_momentum expects an optimiser";
    QTest::newRow("no validation") << "validation"
                                   << "[ReduceLROnPlateau] looks at the validation";
    QTest::newRow("clip_norm") << "clip_norm"
                               << "[run] clip_norm must be greater than 0";
    QTest::newRow("ema_decay") << "ema_decay"
                               << "[run] ema_decay must be less than 1";
    QTest::newRow("what is well") << "well"
                                  << "";
  }

  void checksSchedulersTogether() {
    QFETCH(QString, kind);
    QFETCH(QString, expected);
    RunSettings run;
    if (kind == "argument") run.schedulers = {{"StepLR", {{"step_size", int64_t{0}}}}};
    if (kind == "two") run.schedulers = {{"StepLR", {}}, {"OneCycleLR", {}}};
    if (kind == "warmup") {
      run.schedulers = {{"CosineAnnealingWarmRestarts", {}}};
      run.warmup = 5;
    }
    if (kind == "momentum") {
      run.optimizer = {"Adam", {}};
      run.schedulers = {{"CyclicLR", {}}};
    }
    if (kind == "validation") {
      run.schedulers = {{"ReduceLROnPlateau", {}}};
      run.validation = 0;
    }
    if (kind == "clip_norm") run.clip_norm = 0;
    if (kind == "ema_decay") run.ema_decay = 1;
    if (kind == "well") {
      run.schedulers = {{"ExponentialLR", {}}, {"ReduceLROnPlateau", {}}};
      run.warmup = 5;
      run.clip_norm = run.clip_value = 0.5;
      run.ema_decay = 0.9;
    }
    const auto problems = problems_of(run);
    QCOMPARE(problems.empty(), expected.isEmpty());
    if (!problems.empty()) {
      QVERIFY2(text(problems[0]).startsWith(expected), problems[0].c_str());
    }
  }

  void turnsSettingsIntoArgumentsAndBack() {
    RunSettings run;
    run.epochs = 3;
    run.batch_size = 17;
    run.validation = 0.25;
    run.seed = 99;
    run.device = "cuda:1";
    run.warmup = 30;
    run.clip_norm = 2;
    run.clip_value = 0.5;
    run.ema_decay = 0.9;
    RunSettings back;
    apply_args(to_args(run), back);
    QVERIFY(back == run);
    RunSettings plain;
    apply_args(run_settings_description().complete({}), plain);
    QVERIFY(plain == RunSettings{});
  }
};

QTEST_GUILESS_MAIN(TestProject)
#include "test_project.moc"
