#include <signal.h>

#include <QDir>
#include <QFile>

#include "core/codegen/drawing.h"
#include "core/graph/project.h"
#include "tests/cli/ranks.h"
#include "tests/support/draw.h"

using namespace nw::cli_test;

namespace {

constexpr const char* kReplayed = "Steps are recorded and replayed";

/// The program with simulated GPUs, which records work or does it step by step.
Result run_simulated(const QStringList& words, bool records) {
  const QString folder = NW_BINARY_DIR "/simulated";
  return run_with({{"NETWRIGHT_PLUGINS", folder + "/plugins"},
                   {"LD_LIBRARY_PATH", folder},
                   {"NETWRIGHT_SIMULATED_GPU", QString("seed=%1").arg(nw::test::test_seed())},
                   {"NETWRIGHT_CUDA_GRAPHS", records ? "1" : "0"}},
                  words);
}

}  // namespace

/// Training by steps that are recorded as CUDA graphs and replayed, against the same training step
/// by step: 60 steps, the same bits.
class TestSimulatedSteps : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  /// A net with statistics of a norm and dropout, on the spirals.
  QString project() {
    const QString path = folder_.filePath("steps.netwright");
    nw::graph::Project project;
    project.graph = nw::codegen::to_graph(nw::codegen::parse_model(
        "nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), "
        "nn.Linear(16, 2))"));
    project.run.data = {"spirals", {}};
    project.run.validation = 0.2;
    project.run.batch_size = 32;  // 640 samples to train on
    project.run.epochs = 3;
    nw::graph::save_project(project, path.toStdString());
    return path;
  }
  /// Trains twice; what the run that records says.
  QString compare(const QStringList& more) {
    QByteArray weights[2], curves[2];
    Result result;
    for (const bool records : {false, true}) {
      const QString out = folder_.filePath(records ? "recorded" : "plain");
      QDir(out).removeRecursively();
      result = run_simulated(QStringList{"train", project(), "--out", out} + more, records);
      if (result.code != 0) return result.err;
      weights[records] = read(out + "/steps.safetensors");
      curves[records] = read(out + "/curves.csv");
    }
    if (weights[0].isEmpty() || weights[0] != weights[1]) return "other weights";
    if (curves[0] != curves[1]) return "other curves";
    return result.out;
  }

 private slots:
  void optimizers_data() {
    QTest::addColumn<QString>("optimizer");
    for (const char* text :
         {"SGD(lr=0.05)", "SGD(lr=0.05, momentum=0.9, dampening=0.1)",
          "SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.001)", "Adam(lr=0.01)",
          "Adam(lr=0.01, amsgrad=True, weight_decay=0.01)", "AdamW(lr=0.01)", "Adamax(lr=0.01)",
          "NAdam(lr=0.01)", "RAdam(lr=0.01)", "RMSprop(lr=0.01, centered=True, momentum=0.5)",
          "Adagrad(lr=0.05, lr_decay=0.01)", "Adadelta(lr=1.0)", "ASGD(lr=0.05, t0=20)"}) {
      QTest::newRow(text) << text;
    }
  }

  /// With clipping, loss scaling, an average of the weights and a scheduler, drawn anew each time.
  void optimizers() {
    QFETCH(QString, optimizer);
    static nw::test::Draw draw(nw::test::test_seed());
    QStringList more{"--device", "cuda:0", "--optimizer", optimizer};
    if (draw.chance(0.7)) more += {"--clip-norm", QString::number(draw.real(0.2, 2))};
    if (draw.chance(0.5)) more += {"--clip-value", QString::number(draw.real(0.05, 0.5))};
    if (draw.chance(0.3)) more += {"--ema-decay", "0.9"};
    const char* precisions[] = {"float32", "bfloat16", "float16"};
    more += {"--precision", precisions[draw.integer(0, 2)]};
    const char* schedulers[] = {"none", "StepLR(step_size=1)", "ExponentialLR(gamma=0.8)",
                                "CosineAnnealingWarmRestarts(T_0=2)",
                                "ReduceLROnPlateau(patience=0)"};
    const int64_t scheduler = draw.integer(0, 4);
    more += {"--scheduler", schedulers[scheduler]};
    if (scheduler < 3 && draw.chance(0.5)) more += {"--warmup", "7"};  // restarts stand alone
    const QString told = compare(more);
    QVERIFY2(told.contains(kReplayed), qPrintable(more.join(' ') + ": " + told));
  }

  void closures_stay_as_they_are() {
    const QString told = compare({"--device", "cuda:0", "--optimizer", "LBFGS(lr=0.05)"});
    QVERIFY2(told.contains("updates of weights are not: LBFGS looks at several points in a step"),
             qPrintable(told));
  }

  /// The exchange of gradients and of the norm's statistics is a part of the recording.
  void ranks_over_nccl_data() {
    QTest::addColumn<QStringList>("more");
    QTest::newRow("SGD") << QStringList{"--optimizer", "SGD(lr=0.05, momentum=0.9)"};
    QTest::newRow("Adam") << QStringList{"--optimizer", "Adam(lr=0.01)", "--clip-norm",
                                         "1",           "--scheduler",   "StepLR(step_size=1)"};
    QTest::newRow("float16") << QStringList{"--precision", "float16"};
    QTest::newRow("a smaller last batch") << QStringList{"--batch-size", "50"};
  }
  void ranks_over_nccl() {
    QFETCH(QStringList, more);
    const QString told = compare(
        QStringList{"--device", "cuda:0", "--nproc-per-node", "2", "--backend", "nccl"} + more);
    QVERIFY2(told.contains(kReplayed), qPrintable(told));
  }
};

QTEST_GUILESS_MAIN(TestSimulatedSteps)
#include "test_simulated_steps.moc"
