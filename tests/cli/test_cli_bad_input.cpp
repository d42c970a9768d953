#include "tests/cli/child.h"

using namespace nw::cli_test;

/// Every bad input gets a message that names file, place and remedy, and a non-zero exit code.
class TestCliBadInput : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString weights_;  // good ones, of the spirals example

  QString path(const QString& name) const { return folder_.filePath(name); }

  /// The verb fails with `code`, tells each of `words` on standard error, and with --json gives one
  /// object with the error.
  void expect_failure(const QStringList& command, int code, const QStringList& words) const {
    const Result people = run(command);
    VERIFY_CHILD(!people.crashed, people);
    VERIFY_CHILD(people.code == code, people);
    for (const QString& word : words) {
      QVERIFY2(people.err.contains(word.toUtf8()), (word + " in:\n" + people.all()).toUtf8());
    }
    const Result machine = run(command + QStringList{"--json"});
    VERIFY_CHILD(machine.code == code, machine);
    VERIFY_CHILD(!machine.json()["error"].toString().isEmpty(), machine);
  }

  QString changed(const QString& name, const std::function<void(QJsonObject&)>& change) const {
    QTemporaryDir inside(path("XXXXXX"));
    inside.setAutoRemove(false);
    return changed_example(inside.path(), name, change);
  }

  QStringList train(const QString& project) const {
    return {"train", project, "--epochs", "1", "--out", path("out")};
  }

  static QByteArray idx(const QList<int>& sizes, const QByteArray& content) {
    QByteArray bytes("\0\0\x08", 3);
    bytes += static_cast<char>(sizes.size());
    for (const int size : sizes) {
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
    }
    return bytes + content;
  }

  /// The LeNet example on IDX files of `count` pictures with the given labels.
  QString on_idx(const QByteArray& images, const QByteArray& labels, int batch_size = 4) const {
    QTemporaryDir inside(path("XXXXXX"));
    inside.setAutoRemove(false);
    write(inside.filePath("images"), images);
    write(inside.filePath("labels"), labels);
    return changed_example(inside.path(), "lenet.netwright", [&](QJsonObject& project) {
      set_run(project, "data",
              QJsonObject{{"id", "IDX"},
                          {"args", QJsonObject{{"train_images", inside.filePath("images")},
                                               {"train_labels", inside.filePath("labels")}}}});
      set_run(project, "batch_size", batch_size);
    });
  }

 private slots:
  void initTestCase() {
    const Result result =
        run({"train", example("spirals.netwright"), "--epochs", "1", "--out", path("good")});
    VERIFY_CHILD(result.code == 0, result);
    weights_ = path("good/spirals.pt");
  }

  void command_line() {
    const QString project = example("spirals.netwright");
    expect_failure({}, 2, {"--help"});
    expect_failure({"fly"}, 2, {"fly", "--help"});
    expect_failure({"train"}, 2, {"PROJECT", "netwright-cli train --help"});
    expect_failure({"train", project, "--epochs"}, 2, {"--epochs"});
    expect_failure({"train", project, "--epochs", "many"}, 2, {"--epochs", "many"});
    expect_failure({"train", project, "--epochs", "0"}, 2, {"--epochs", "0"});
    expect_failure({"train", project, "--batch-size", "-3"}, 2, {"--batch-size", "-3"});
    expect_failure({"train", project, "--lr", "fast"}, 2, {"--lr", "fast"});
    expect_failure({"train", project, "--threads", "0"}, 2, {"--threads"});
    expect_failure({"train", project, "--colour"}, 2, {"--colour"});
    expect_failure({"eval", project}, 2, {"--weights"});
    expect_failure({"export", project, "--weights", weights_}, 2, {"--output"});
    expect_failure({"export", project, "--weights", weights_, "--format", "gif", "-o", "x.pt"}, 2,
                   {"--format", "gif"});
    expect_failure({"train", project, "--device", "abacus"}, 1, {"abacus", "cpu"});
    expect_failure({"train", project, "--device", "cuda:77"}, 1, {"cuda:77"});
  }

  void project_file() {
    expect_failure({"check", path("none.netwright")}, 1, {"none.netwright"});
    expect_failure({"check", folder_.path()}, 1, {QFileInfo(folder_.path()).fileName()});
    const QByteArray good = read(example("lenet.netwright"));
    write(path("cut.netwright"), good.left(good.size() / 2));
    expect_failure({"check", path("cut.netwright")}, 1, {"cut.netwright"});
    write(path("noise.netwright"), QByteArray("\x89PNG\0\xff\xfe", 8));
    expect_failure({"check", path("noise.netwright")}, 1, {"noise.netwright"});
    write(path("empty.netwright"), "");
    expect_failure({"train", path("empty.netwright")}, 1, {"empty.netwright"});
    const QString typed = changed("lenet.netwright",
                                  [](QJsonObject& project) { set_run(project, "epochs", "five"); });
    expect_failure({"check", typed}, 1, {typed, "run.epochs", "five"});
    const QString node = changed("lenet.netwright", [](QJsonObject& project) {
      edit_graph(project, [](QJsonArray& nodes, QJsonArray&) { nodes[3] = 7; });
    });
    expect_failure({"check", node}, 1, {node, "graph.nodes[3]", "7"});
  }

  /// What a model alone cannot do, and what is no tensor.
  void model_alone() {
    write(path("model.txt"), "hidden = 4\nmodel = nn.Sequential(nn.Linear(2, hidden))\n");
    const QString model = path("model.txt");
    for (const QStringList& verb :
         {QStringList{"train", model}, QStringList{"eval", model, "--weights", weights_}}) {
      expect_failure(verb, 1, {"model.txt", "names no data and no loss", "netwright-cli run"});
    }
    expect_failure({"train", "nn.Linear(2, 3)"}, 1, {"names no data and no loss"});
    expect_failure({"check", model, "--sizes", "5,3"}, 1, {"layer 0", "[Linear]", "2"});
    expect_failure({"check", model, "--sizes", "5,x"}, 1, {"--sizes", "5,x"});
    expect_failure({"check", "nn.Linear(2, )"}, 1, {"line 1, column 1", "out_features"});
    expect_failure({"check", example("spirals.netwright"), "--sizes", "5,3"}, 2, {"--sizes"});
    write(path("x.npy"), "0.1 0.2\n0.3 0.4\n");
    expect_failure({"run", "nn.Linear(2, 3)", "--input", path("x.npy")}, 1,
                   {"[x.npy] is a text", ".npy, .npz, .safetensors and .pt"});
    write(path("w.pt"), QByteArray("\x93NUMPY\x01\x00", 8));
    expect_failure({"eval", example("spirals.netwright"), "--weights", path("w.pt")}, 1,
                   {"[w.pt] is a NumPy array", ".safetensors"});
  }

  void graph_mistakes_data() {
    QTest::addColumn<QString>("project");
    QTest::addColumn<QStringList>("words");
    const auto graph = [this](const auto& edit) {
      return changed("lenet.netwright", [&](QJsonObject& project) { edit_graph(project, edit); });
    };
    QTest::newRow("unknown block") << graph([](QJsonArray& nodes, QJsonArray&) {
      QJsonObject node = nodes[2].toObject();
      node["block"] = "Warp";
      nodes[2] = node;
    }) << QStringList{"Warp", "node 3"};
    QTest::newRow("cycle") << graph([](QJsonArray&, QJsonArray& wires) {
      wires[1] = QJsonObject{{"from", QJsonArray{5, "output"}}, {"to", QJsonArray{3, "input"}}};
    }) << QStringList{};
    QTest::newRow("no loss") << graph([](QJsonArray& nodes, QJsonArray& wires) {
      nodes.removeLast();
      wires.removeLast();
    }) << QStringList{"loss"};
    QTest::newRow("two inputs") << graph([](QJsonArray& nodes, QJsonArray&) {
      nodes.append(QJsonObject{{"id", 99}, {"block", "Input"}, {"x", 0}, {"y", 0}});
    }) << QStringList{"Input"};
    QTest::newRow("no blocks") << graph([](QJsonArray& nodes, QJsonArray& wires) {
      nodes = {};
      wires = {};
    }) << QStringList{};
    QTest::newRow("mismatch") << graph([](QJsonArray& nodes, QJsonArray&) {
      QJsonObject node = nodes[8].toObject();
      node["args"] = QJsonObject{{"in_features", 576}, {"out_features", 120}};
      nodes[8] = node;
    }) << QStringList{"[Linear]", "576", "400", "16×5×5"};
  }

  void graph_mistakes() {
    QFETCH(QString, project);
    QFETCH(QStringList, words);
    expect_failure({"check", project}, 1, words);
    expect_failure(train(project), 1, QStringList{project} + words);
    QVERIFY(!QFile::exists(path("out/lenet.pt")));
  }

  void data_files() {
    const QByteArray images = idx({8, 28, 28}, QByteArray(8 * 784, '\x40'));
    const QByteArray labels = idx({8}, QByteArray("\0\1\2\3\4\5\6\7", 8));
    const Result good = run(train(on_idx(images, labels)));
    VERIFY_CHILD(good.code == 0, good);

    const QString missing = changed("lenet.netwright", [](QJsonObject& project) {
      set_run(project, "data",
              QJsonObject{{"id", "FashionMNIST"}, {"args", QJsonObject{{"root", "/nowhere"}}}});
    });
    expect_failure(train(missing), 1, {"/nowhere", "dataset-fashion-mnist"});
    expect_failure({"check", missing}, 1, {"/nowhere"});
    expect_failure(train(on_idx(images.left(3000), labels)), 1, {"images"});
    expect_failure(train(on_idx("not an array", labels)), 1, {"images"});
    expect_failure(train(on_idx(QByteArray("\x1f\x8b\x08\0\0\0\0\0\0\3garbage", 17), labels)), 1,
                   {"images"});
    expect_failure(train(on_idx(images, idx({7}, QByteArray(7, '\1')))), 1, {"7", "8"});
    expect_failure(train(on_idx(idx({0, 28, 28}, ""), idx({0}, ""))), 1, {"images"});
    expect_failure(train(on_idx(images, idx({8}, QByteArray(8, '\x20')))), 1, {"32"});
    expect_failure(train(on_idx(images, labels, 1000)), 1, {"batch", "1000"});

    const QString unknown = changed("lenet.netwright", [](QJsonObject& project) {
      set_run(project, "data", QJsonObject{{"id", "Oracle"}});
    });
    expect_failure(train(unknown), 1, {unknown, "Oracle", "FashionMNIST"});
  }

  void weights_file() {
    const QString project = example("spirals.netwright");
    const auto eval = [&](const QString& file) {
      return QStringList{"eval", project, "--weights", file};
    };
    const QByteArray good = read(weights_);
    expect_failure(eval(path("none.pt")), 1, {"none.pt"});
    write(path("cut.pt"), good.left(good.size() / 2));
    expect_failure(eval(path("cut.pt")), 1, {"cut.pt"});
    QByteArray flipped = good;
    flipped[flipped.indexOf("PK", 900) - 60] ^= 0x10;  // inside a tensor's numbers
    write(path("flipped.pt"), flipped);
    expect_failure(eval(path("flipped.pt")), 1, {"flipped.pt"});
    write(path("text.pt"), "these are no weights");
    expect_failure(eval(path("text.pt")), 1, {"text.pt"});

    const QString wider = changed("spirals.netwright", [](QJsonObject& changed) {
      edit_graph(changed, [](QJsonArray& nodes, QJsonArray&) {
        QJsonObject node = nodes[1].toObject();
        node["args"] = QJsonObject{{"out_features", 33}};
        nodes[1] = node;
      });
    });
    expect_failure({"eval", wider, "--weights", weights_}, 1, {weights_, wider, "0.weight", "33"});
    const QString named = changed("spirals.netwright", [](QJsonObject& changed) {
      edit_graph(changed, [](QJsonArray& nodes, QJsonArray&) {
        QJsonObject node = nodes[1].toObject();
        node["name"] = "first";
        nodes[1] = node;
      });
    });
    const QStringList both{"first.weight", "0.weight"};
    expect_failure({"eval", named, "--weights", weights_}, 1, both);
    expect_failure({"export", named, "--weights", weights_, "-o", path("x.pt")}, 1, both);
    QVERIFY(!QFile::exists(path("x.pt")));
  }

  void places_that_cannot_be_written() {
    const QString project = example("spirals.netwright");
    write(path("file"), "");
    expect_failure({"train", project, "--out", path("file/run")}, 1, {"file/run", "--out"});
    expect_failure({"train", project, "--out", "/proc/run"}, 1, {"/proc/run", "--out"});
    expect_failure({"export", project, "--weights", weights_, "-o", "/proc/none/x.pt"}, 1,
                   {"/proc/none", "x.pt"});
    expect_failure({"export", project, "--weights", weights_, "-o", path("x.gif")}, 1, {"x.gif"});
    QVERIFY(!QFile::exists(path("x.gif")));
  }

  void full_disk() {
    const QString project = example("spirals.netwright");
    Setup full;
    full.stdout_file = "/dev/full";
    const Result spoken = run({"blocks"}, full);
    QVERIFY(!spoken.crashed);
    QCOMPARE(spoken.code, 1);
    VERIFY_CHILD(spoken.err.contains("standard output"), spoken);

    // What was trained is saved all the same.
    const Result trained = run({"train", project, "--epochs", "1", "--out", path("full")}, full);
    QCOMPARE(trained.code, 1);
    QCOMPARE(read(path("full/spirals.pt")), read(weights_));

    // A file that stays too short: the old one is kept, and no part of the new one is left.
    Setup limited;
    limited.most_file_bytes = 1000;
    write(path("old.pt"), "old");
    const Result exported =
        run({"export", project, "--weights", weights_, "-o", path("old.pt")}, limited);
    QVERIFY(!exported.crashed);
    QCOMPARE(exported.code, 1);
    VERIFY_CHILD(exported.err.contains("old.pt"), exported);
    QCOMPARE(read(path("old.pt")), QByteArray("old"));
    const Result lost = run({"train", project, "--epochs", "1", "--out", path("lost")}, limited);
    QVERIFY(!lost.crashed);
    QCOMPARE(lost.code, 1);
    VERIFY_CHILD(lost.err.contains("spirals.pt"), lost);
    QVERIFY(QDir(path("lost")).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
  }

  void closed_pipe() {
    QProcess shell;
    // By the time that it writes, nobody reads any more.
    shell.start(
        "bash",
        {"-c", QString("set -o pipefail; (sleep 1; exec '%1' blocks) | true").arg(program())});
    QVERIFY(shell.waitForFinished(kWaitMs));
    QCOMPARE(shell.exitCode(), 128 + 13);
    QVERIFY(shell.readAllStandardError().isEmpty());
  }

  void a_diverged_run_keeps_the_model() {
    const QString project = changed("spirals.netwright", [](QJsonObject& changed) {
      set_run(changed, "data", QJsonObject{{"id", "noisy-sine"}});
      set_run(changed, "optimizer",
              QJsonObject{{"id", "SGD"}, {"args", QJsonObject{{"lr", 1e12}}}});
      edit_graph(changed, [](QJsonArray& nodes, QJsonArray& wires) {
        nodes = {
            QJsonObject{{"id", 1}, {"block", "Input"}},
            QJsonObject{{"id", 2}, {"block", "Linear"}, {"args", QJsonObject{{"out_features", 1}}}},
            QJsonObject{{"id", 3}, {"block", "MSELoss"}}};
        wires = {QJsonObject{{"from", QJsonArray{1, "output"}}, {"to", QJsonArray{2, "input"}}},
                 QJsonObject{{"from", QJsonArray{2, "output"}}, {"to", QJsonArray{3, "input"}}}};
      });
    });
    const Result result = run({"train", project, "--out", path("diverged"), "--json"});
    VERIFY_CHILD(result.code == 1, result);
    QCOMPARE(result.json()["outcome"].toString(), "diverged");
    VERIFY_CHILD(result.json()["error"].toString().contains("learning rate"), result);
    QVERIFY(QFile::exists(path("diverged/spirals.pt")));
    QVERIFY(QFile::exists(path("diverged/curves.csv")));
  }
};

QTEST_GUILESS_MAIN(TestCliBadInput)
#include "test_cli_bad_input.moc"
