#include <algorithm>
#include <csignal>
#include <tuple>

#include "core/base/file.h"
#include "core/base/resources.h"
#include "core/graph/project.h"
#include "tests/cli/child.h"

using namespace nw::cli_test;

/// What each verb does with good input.
class TestCliVerbs : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString run_folder_;  // of a trained spirals project

  QString path(const QString& name) const { return folder_.filePath(name); }
  /// The numbers of one column of a file.
  QList<double> column(const QString& name, qsizetype index) const {
    QList<double> out;
    for (const QByteArray& line : read(path(name)).split('\n').mid(1)) {
      if (!line.isEmpty()) out += line.split(',')[index].toDouble();
    }
    return out;
  }

 private slots:
  void initTestCase() {
    run_folder_ = path("trained");
    const Result result = run({"train", example("spirals.netwright"), "--out", run_folder_});
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(result.out.contains("test accuracy "), result);
    VERIFY_CHILD(result.out.contains("epoch 1/"), result);
    VERIFY_CHILD(!result.err.contains('\r'), result);  // no bar where there is no terminal
  }

  void the_program_links_no_qt() {
    QProcess ldd;
    ldd.start("ldd", {program()});
    QVERIFY(ldd.waitForFinished());
    const QByteArray libraries = ldd.readAllStandardOutput();
    QVERIFY(libraries.contains("netwright-core"));
    QVERIFY2(!libraries.contains("Qt"), libraries.constData());
  }

  void examples_are_as_the_program_writes_them_data() {
    QTest::addColumn<QString>("name");
    for (const QString& name : QDir(example("")).entryList({"*.netwright"})) {
      QTest::newRow(qPrintable(name)) << name;
    }
  }

  void examples_are_as_the_program_writes_them() {
    QFETCH(QString, name);
    const std::string file = nw::resource_path("examples/" + name.toStdString());
    QCOMPARE(nw::graph::to_json(nw::graph::load_project(file)), nw::read_file(file));
    const Result result = run({"check", example(name)});
    VERIFY_CHILD(result.code == 0 && result.err.isEmpty(), result);
  }

  void check_counts_lenet() {
    const Result result = run({"check", example("lenet.netwright"), "--json"});
    VERIFY_CHILD(result.code == 0, result);
    const QJsonObject json = result.json();
    QCOMPARE(json["parameters"].toInt(), 61706);
    // 28·28·6·25 + 10·10·16·6·25 + 400·120 + 120·84 + 84·10
    QCOMPARE(json["multiply_adds_per_sample"].toInt(), 117600 + 240000 + 48000 + 10080 + 840);
    QCOMPARE(json["ok"].toBool(), true);
    QCOMPARE(json["blocks"].toArray().size(), 14);
    QVERIFY(!json.contains("error"));
    const QJsonObject conv = json["blocks"].toArray()[4].toObject();
    QCOMPARE(conv["block"].toString(), "Conv2d");
    QCOMPARE(conv["key"].toString(), "3");
    QCOMPARE(conv["outputs"].toArray()[0].toString(), "N×16×10×10");

    const Result people = run({"check", example("lenet.netwright")});
    VERIFY_CHILD(people.out.contains("61 706") && people.out.contains("N×16×10×10"), people);
  }

  void check_follows_sizes_through_an_expression() {
    const QString model =
        "nn.Sequential(OrderedDict({'conv': nn.Conv2d(1, 4, 3), 'flat': nn.Flatten(), 'fc': "
        "nn.Sequential(nn.ReLU(), nn.LazyLinear(10))}))";
    const Result result = run({"check", model, "--sizes", "2,1,8,8", "--json"});
    VERIFY_CHILD(result.code == 0, result);
    const QJsonObject json = result.json();
    QCOMPARE(json["parameters"].toInt(), 4 * 9 + 4 + 144 * 10 + 10);
    const QJsonArray layers = json["layers"].toArray();
    QCOMPARE(layers.size(), 4);
    QCOMPARE(layers[0].toObject()["outputs"].toArray()[0].toArray(), (QJsonArray{2, 4, 6, 6}));
    QCOMPARE(layers[3].toObject()["key"].toString(), "fc.1");
    QCOMPARE(layers[3].toObject()["outputs"].toArray()[0].toArray(), (QJsonArray{2, 10}));
    QCOMPARE(layers[0].toObject()["multiply_adds_per_sample"].toInt(), 4 * 36 * 9);

    const Result people = run({"check", model});
    VERIFY_CHILD(people.code == 0 && people.out.contains("conv"), people);
    const Result words = run({"check", "nn.Embedding(10, 3)", "--sizes", "4,7"});
    VERIFY_CHILD(words.code == 0 && words.out.contains("4×7×3"), words);
  }

  void train_learns_spirals_and_repeats_bit_for_bit() {
    const Result again =
        run({"train", example("spirals.netwright"), "--out", path("again"), "--json"});
    VERIFY_CHILD(again.code == 0 && again.err.isEmpty(), again);
    const QJsonObject json = again.json();
    VERIFY_CHILD(json["test_accuracy"].toDouble() > 0.95, again);
    QCOMPARE(json["outcome"].toString(), "completed");
    VERIFY_CHILD(json["train_seconds"].toDouble() > 0, again);
    VERIFY_CHILD(json["samples_per_second"].toDouble() > 0, again);
    for (const QString name : {"spirals.pt", "spirals.safetensors", "curves.csv"}) {
      const QByteArray first = read(run_folder_ + "/" + name);
      QVERIFY2(!first.isEmpty(), qPrintable(name));
      QCOMPARE(read(path("again/") + name), first);
    }
    const Result other = run({"train", example("spirals.netwright"), "--out", path("other"),
                              "--seed", "1", "--epochs", "1", "--json"});
    VERIFY_CHILD(other.code == 0, other);
    QCOMPARE(other.json()["epochs"].toInt(), 1);
    QVERIFY(!read(run_folder_ + "/curves.csv").startsWith(read(path("other/curves.csv"))));
  }

  void curves_have_the_promised_columns() {
    const Result result = run({"train", example("spirals.netwright"), "--epochs", "3",
                               "--batch-size", "100", "--out", path("curves"), "--json"});
    VERIFY_CHILD(result.code == 0, result);
    QList<QByteArray> lines = read(path("curves/curves.csv")).split('\n');
    QCOMPARE(lines.takeFirst(), QByteArray("step,epoch,train_loss,train_accuracy,validation_loss,"
                                           "validation_accuracy,learning_rate"));
    QVERIFY(lines.takeLast().isEmpty());
    const qsizetype steps = result.json()["steps"].toInt();
    QCOMPARE(lines.size(), steps);
    QCOMPARE(steps % 3, 0);
    for (qsizetype i = 0; i < steps; ++i) {
      const QList<QByteArray> fields = lines[i].split(',');
      QCOMPARE(fields.size(), 7);
      QCOMPARE(fields[0].toLongLong(), i + 1);
      QCOMPARE(fields[1].toLongLong(), i / (steps / 3) + 1);
      const bool ends_epoch = (i + 1) % (steps / 3) == 0;
      QCOMPARE(!fields[4].isEmpty(), ends_epoch);
      QCOMPARE(!fields[5].isEmpty(), ends_epoch);
    }
    QCOMPARE(lines.last().split(',')[5].toDouble(),
             result.json()["validation_accuracy"].toDouble());
  }

  void options_choose_optimizer_and_schedulers() {
    const QStringList words{"train",
                            example("spirals.netwright"),
                            "--epochs",
                            "4",
                            "--out",
                            path("rates"),
                            "--json",
                            "--optimizer",
                            "optim.SGD(lr=0.4, momentum=0.5)"};
    const Result result = run(words + QStringList{"--scheduler", "StepLR(step_size=2)", "--warmup",
                                                  "2", "--clip-norm", "1", "--clip-value", "0.5"});
    VERIFY_CHILD(result.code == 0, result);
    const auto rates = column("rates/curves.csv", 6);
    const qsizetype epoch = rates.size() / 4;
    QVERIFY(epoch > 3);
    // A warm-up of two batches, two epochs at 0.4, two at a tenth of that.
    QCOMPARE(rates[0], 0.4 / 3);
    QCOMPARE(rates[1], 0.8 / 3);
    QCOMPARE(rates[2], 0.4);
    QCOMPARE(rates[2 * epoch - 1], 0.4);
    QCOMPARE(rates[2 * epoch], 0.04);
    QCOMPARE(rates.last(), 0.04);
    QCOMPARE(result.json().value("learning_rate").toDouble(), rates.last());

    const Result cycle = run(words + QStringList{"--scheduler", "OneCycleLR(max_lr=0.5)"});
    VERIFY_CHILD(cycle.code == 0, cycle);
    const auto course = column("rates/curves.csv", 6);
    QCOMPARE(course.first(), 0.02);
    QVERIFY(*std::max_element(course.begin(), course.end()) > 0.49);
    QVERIFY(course.last() < 1e-4);

    for (const auto& [option, bad, said] :
         {std::tuple{"--scheduler", "StepLR(step=2)", "step"},
          {"--scheduler", "Sometimes()", "Sometimes"},
          {"--scheduler", "OneCycleLR(0.1, total_steps=3)", "made for 3 steps"},
          {"--optimizer", "Adam(lr=-1)", "lr"},
          {"--clip-norm", "-1", "greater than 0"},
          {"--ema-decay", "1", "less than 1"}}) {
      const Result refused =
          run({"train", example("spirals.netwright"), "--out", path("rates"), option, bad});
      VERIFY_CHILD(refused.code != 0, refused);
      VERIFY_CHILD(refused.err.contains(said), refused);
    }
  }

  void averaged_weights_are_what_is_tested_and_kept() {
    const QStringList words{"train", example("spirals.netwright"), "--epochs", "3", "--json"};
    const Result averaged = run(words + QStringList{"--ema-decay", "0.95", "--out", path("ema")});
    VERIFY_CHILD(averaged.code == 0, averaged);
    const Result plain = run(words + QStringList{"--out", path("plain")});
    VERIFY_CHILD(averaged.json().value("averaged_weights").toBool(), averaged);
    const auto number = [](const Result& result, const char* name) {
      return result.json().value(name).toDouble();
    };
    const double tested = number(averaged, "test_loss");
    QVERIFY(tested != number(plain, "test_loss"));
    QVERIFY(number(averaged, "train_loss") == number(plain, "train_loss"));
    QCOMPARE(averaged.json().value("files").toArray().size(), 4);
    const auto loss_of = [&](const QString& weights) {
      const Result result =
          run({"eval", example("spirals.netwright"), "--weights", path(weights), "--json"});
      return number(result, "test_loss");
    };
    QCOMPARE(loss_of("ema/spirals.pt"), tested);
    QCOMPARE(loss_of("ema/spirals.safetensors"), tested);
    QCOMPARE(loss_of("ema/spirals-trained.pt"), number(plain, "test_loss"));
    QVERIFY(!QFile::exists(path("plain/spirals-trained.pt")));
  }

  void eval_gives_what_train_gave() {
    const Result trained = run(
        {"train", example("spirals.netwright"), "--out", path("eval"), "--json", "--epochs", "20"});
    VERIFY_CHILD(trained.code == 0, trained);
    for (const QString name : {"spirals.pt", "spirals.safetensors"}) {
      const Result result =
          run({"eval", example("spirals.netwright"), "--weights", path("eval/") + name, "--json"});
      VERIFY_CHILD(result.code == 0, result);
      QCOMPARE(result.json()["test_accuracy"], trained.json()["test_accuracy"]);
      QCOMPARE(result.json()["test_loss"], trained.json()["test_loss"]);
    }
  }

  void an_autoencoder_has_no_accuracy() {
    const QString project =
        changed_example(folder_.path(), "spirals.netwright", [](QJsonObject& changed) {
          edit_graph(changed, [](QJsonArray& nodes, QJsonArray& wires) {
            QJsonObject loss = nodes.last().toObject();
            loss["block"] = "MSELoss";
            nodes.replace(nodes.size() - 1, loss);
            wires.append(QJsonObject{{"from", QJsonArray{nodes[0].toObject()["id"], "output"}},
                                     {"to", QJsonArray{loss["id"], "target"}}});
          });
        });
    const Result trained =
        run({"train", project, "--out", path("auto"), "--epochs", "2", "--json"});
    VERIFY_CHILD(trained.code == 0, trained);
    const QString weights = trained.json()["files"].toArray()[0].toString();
    const Result result = run({"eval", project, "--weights", weights, "--json"});
    VERIFY_CHILD(result.code == 0, result);
    QCOMPARE(result.json()["test_loss"], trained.json()["test_loss"]);
    QVERIFY(!trained.json().contains("test_accuracy"));
    QVERIFY(!result.json().contains("test_accuracy"));
  }

  void export_goes_both_ways() {
    const QString project = example("spirals.netwright");
    Result result = run({"export", project, "--weights", run_folder_ + "/spirals.pt", "--format",
                         "safetensors", "-o", path("a.safetensors"), "--json"});
    VERIFY_CHILD(result.code == 0, result);
    QCOMPARE(result.json()["tensors"].toInt(), 6);
    QCOMPARE(result.json()["bytes"].toInteger(), read(path("a.safetensors")).size());
    QCOMPARE(read(path("a.safetensors")), read(run_folder_ + "/spirals.safetensors"));
    result = run({"export", project, "--weights", path("a.safetensors"), "-o", path("spirals.pt")});
    VERIFY_CHILD(result.code == 0, result);
    QCOMPARE(read(path("spirals.pt")), read(run_folder_ + "/spirals.pt"));
  }

  void blocks_describe_everything() {
    const Result result = run({"blocks", "--json"});
    VERIFY_CHILD(result.code == 0, result);
    const QJsonObject json = result.json();
    QStringList ids;
    for (const QJsonValue block : json["blocks"].toArray()) ids += block["id"].toString();
    for (const QString id :
         {"Input", "Linear", "Conv2d", "MaxPool2d", "AvgPool2d", "Flatten", "ReLU", "Tanh",
          "Sigmoid", "Softmax", "Dropout", "CrossEntropyLoss", "MSELoss"}) {
      QVERIFY2(ids.contains(id), qPrintable(id));
    }
    for (const QJsonValue block : json["blocks"].toArray()) {
      QVERIFY2(!block["summary"].toString().isEmpty(), qPrintable(block["id"].toString()));
      for (const QJsonValue param : block["params"].toArray()) {
        QVERIFY(!param["help"].toString().isEmpty());
      }
    }
    QVERIFY(json["optimizers"].toArray().size() >= 2);
    QStringList schedulers;
    for (const QJsonValue one : json["schedulers"].toArray()) schedulers += one["id"].toString();
    QVERIFY(schedulers.contains("OneCycleLR") && schedulers.contains("ReduceLROnPlateau"));
    QVERIFY(json["data_sets"].toArray().size() >= 7);
    const Result people = run({"blocks"});
    for (const QString& id : ids) VERIFY_CHILD(people.out.contains(id.toUtf8()), people);
  }

  void plugins_bring_blocks_and_bad_ones_are_named() {
    write(path("broken.so"), "no library");
    qputenv("NETWRIGHT_PLUGINS", folder_.path().toUtf8());
    const QString project =
        changed_example(folder_.path(), "spirals.netwright", [](QJsonObject& changed) {
          edit_graph(changed, [](QJsonArray& nodes, QJsonArray&) {
            QJsonObject node = nodes[2].toObject();
            node["block"] = "LeCunTanh";  // of plugins/lecun_tanh
            nodes[2] = node;
          });
        });
    const Result result =
        run({"train", project, "--epochs", "50", "--out", path("plugged"), "--json"});
    qunsetenv("NETWRIGHT_PLUGINS");
    VERIFY_CHILD(result.code == 0 && result.err.contains("broken.so"), result);
    VERIFY_CHILD(result.json()["test_accuracy"].toDouble() > 0.9, result);
  }

  void help_has_an_example_for_every_verb() {
    for (const QString verb : {"train", "eval", "run", "export", "check", "blocks", "bench"}) {
      const Result result = run({verb, "--help"});
      VERIFY_CHILD(result.code == 0 && result.err.isEmpty(), result);
      VERIFY_CHILD(result.out.contains("netwright-cli " + verb.toUtf8() + " "), result);
      VERIFY_CHILD(result.out.contains("--json"), result);
    }
    const Result version = run({"--version"});
    VERIFY_CHILD(version.code == 0 && version.out.startsWith("netwright-cli "), version);
  }

  void ctrl_c_stops_and_saves() {
    Setup setup;
    setup.meanwhile = [](QProcess& child) {
      // The first epoch's line shows that training runs.
      QByteArray seen;
      while (!seen.contains("epoch 1/") && child.waitForReadyRead(kWaitMs)) {
        seen += child.readAllStandardOutput();
      }
      ::kill(static_cast<pid_t>(child.processId()), SIGINT);
    };
    const Result result =
        run({"train", example("spirals.netwright"), "--epochs", "100000", "--out", path("stopped")},
            setup);
    QVERIFY(!result.crashed);
    QCOMPARE(result.code, 130);
    VERIFY_CHILD(result.out.contains("stopped after"), result);
    const Result eval =
        run({"eval", example("spirals.netwright"), "--weights", path("stopped/spirals.pt")});
    VERIFY_CHILD(eval.code == 0, eval);
    QVERIFY(read(path("stopped/curves.csv")).count('\n') > 1);
  }

  void bench_tells_where_the_time_goes() {
    const Result result = run({"bench", "--net", "lenet", "--profile", "--repeats", "3", "--json"});
    VERIFY_CHILD(result.code == 0, result);
    const QJsonArray profiles = result.json()["profiles"].toArray();
    QCOMPARE(profiles.size(), 1);
    QMap<QString, double> calls;
    double before = HUGE_VAL;
    for (const QJsonValue part : profiles[0]["parts"].toArray()) {
      calls[part["name"].toString()] = part["calls_per_step"].toDouble();
      QVERIFY(part["step_us"].toDouble() <= before);  // the longest first
      before = part["step_us"].toDouble();
      QVERIFY(before > 0);
    }
    QCOMPARE(calls["Conv2d, forward"], 2.0);
    QCOMPARE(calls["Linear, forward"], 3.0);
    QCOMPARE(calls["Linear, backward"], 3.0);
    QCOMPARE(calls["optimiser"], 1.0);
  }
};

QTEST_GUILESS_MAIN(TestCliVerbs)
#include "test_cli_verbs.moc"
