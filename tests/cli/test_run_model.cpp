#include <QRandomGenerator>

#include "tests/cli/child.h"
#include "tests/support/python.h"

using namespace nw::cli_test;

/// The verb `run`: any model on any numbers, as a person who does not trust us would use it.
class TestRunModel : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  /// Writes a .npy file with NumPy and gives its path.
  QString array(const QString& name, const QString& code) {
    runPython("import sys\nimport numpy as np\nnp.save(sys.argv[1], " + code + ")",
              {folder_.filePath(name)});
    return folder_.filePath(name);
  }

 private slots:
  void equalsTorch() {
    const QString seed = QString::number(QRandomGenerator::global()->bounded(1'000'000));
    qInfo("seed %s", qPrintable(seed));
    QProcess python;
    python.start(kPython, {NW_SOURCE_DIR "/tests/cli/run_against_torch.py", program(),
                           folder_.path(), seed});
    QVERIFY(python.waitForFinished(kWaitMs));
    const QByteArray said = python.readAllStandardOutput();
    QVERIFY2(python.exitCode() == 0, python.readAllStandardError().constData());
    QVERIFY2(said.contains(" runs equal") && said.split(' ')[0].toInt() >= 12, said.constData());
  }

  /// A project is a model, too, and brings its own loss.
  void runsAProject() {
    const Result result = run({"run", example("spirals.netwright"), "--input",
                               array("x.npy", "np.zeros((3, 2), 'f4')"), "--target",
                               array("t.npy", "np.array([0, 1, 0])"), "--backward", "--json"});
    VERIFY_CHILD(result.code == 0, result);
    const auto tensors = result.json()["tensors"].toObject();
    QVERIFY(tensors.contains("output") && tensors.contains("loss"));
    QVERIFY(tensors.contains("grad.input") && tensors.contains("grad.0.weight"));
    QVERIFY(result.json()["loss"].toDouble() > 0);
  }

  void refuses_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QString>("said");
    const auto row = [](const char* name, const QStringList& words, const char* said) {
      QTest::newRow(name) << words << said;
    };
    row("syntax", {"nn.Linear(3, 5"}, "line 1, column ");
    row("unknown layer", {"nn.Linaer(3, 5)"}, "Linear");
    row("no file", {"nothing.netwright"}, "no such file");
    row("sizes", {"nn.Linear(4, 5)"}, "[Linear] expects 4 features");
    row("argument", {"nn.Linear(3, 5, beta=1)"}, "beta");
    row("loss without target", {"nn.Linear(3, 5)", "--loss", "nn.MSELoss()"}, "--target");
    row("steps without a loss", {"nn.Linear(3, 5)", "--steps", "2"}, "--steps");
    row("dtype", {"nn.Linear(3, 5)", "--dtype", "float31"}, "float31");
    row("whole dtype", {"nn.Linear(3, 5)", "--dtype", "int64"}, "--dtype: expects float32");
    row("no model", {""}, "\"\": there is no such file");
    row("folder", {"."}, ".: is a folder");
    row("negative steps", {"nn.Linear(3, 5)", "--steps", "-1"},
        "--steps: expects a whole number of at least 0, gets -1");
    row("gradient of nothing", {"nn.Linear(3, 5)", "--grad-output", "x.npy"}, "--backward");
    row("optimizer without steps", {"nn.Linear(3, 5)", "--optimizer", "SGD(0.1)"}, "--steps");
    row("clip without steps", {"nn.Linear(3, 5)", "--clip-norm", "1"}, "--steps");
    row("bad loss", {"nn.Linear(3, 5)", "--loss", "nn.MSELos()"},
        "--loss: line 1, column 1: expected a loss, found 'nn.MSELos'; is it MSELoss?");
    row("no loss", {"nn.Linear(3, 5)", "--loss", "nn.ReLU()"},
        "--loss: line 1, column 1: expected");
    row("loss needs a target", {"nn.Linear(3, 5)", "--loss", "nn.MSELoss()"},
        "the files with target\n");
    row("layer of a chain", {"nn.Sequential(nn.ReLU(),\n  nn.Linear(4, 5))"},
        "layer 1 (line 2, column 3): [Linear] expects 4 features");
    row("layer in a layer", {"nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6)))"},
        "layer 0.1 (line 1, column 46): [Linear] expects 5 features");
    row("device", {"nn.Linear(3, 5)", "--device", "cuda:0"}, "cuda:0");
  }

  /// NumPy's own numbers are float64.
  void tellsOfADtype() {
    const QString input = array("wide.npy", "np.zeros((2, 3))");
    const Result result = run({"run", "nn.Linear(3, 5)", "--input", input});
    VERIFY_CHILD(result.code != 0, result);
    VERIFY_CHILD(QString(result.err).contains("The numbers are float64, the model's are float32"),
                 result);
    for (const char* dtype : {"double", "torch.float64", "float64"}) {
      const Result wide =
          run({"run", "nn.Linear(3, 5)", "--input", input, "--dtype", dtype, "--json"});
      VERIFY_CHILD(wide.code == 0, wide);
      QCOMPARE(wide.json()["tensors"].toObject()["output"].toObject()["dtype"].toString(),
               QString("float64"));
    }
  }

  /// A name that is nearly right must not be taken by its place.
  void inputsByName() {
    const QString file = folder_.filePath("three.npz");
    const auto save = [&](const char* names) {
      runPython(QString("import sys\nimport numpy as np\nx = np.zeros((3, 2, 4), 'f4')\n"
                        "np.savez(sys.argv[1], %1)")
                    .arg(names),
                {file});
      return run({"run", "nn.MultiheadAttention(4, 2)", "--input", file});
    };
    const Result right = save("value=x, key=x, query=x");
    VERIFY_CHILD(right.code == 0, right);
    const Result places = save("a=x, b=x, c=x");
    VERIFY_CHILD(places.code == 0, places);
    const Result slip = save("value=x, keys=x, query=x");
    VERIFY_CHILD(slip.code != 0, slip);
    VERIFY_CHILD(slip.err.contains("the model has no input called keys; it takes query, key"),
                 slip);
  }

  /// "-" and files that are none of text.
  void modelFromElsewhere() {
    const QString input = array("x.npy", "np.zeros((2, 3), 'f4')");
    QProcess child;
    child.start(program(), {"run", "-", "--input", input});
    QVERIFY(child.waitForStarted());
    child.write("import torch.nn as nn\r\nmodel = nn.Linear(3,\r\n    5)\r\n");
    child.closeWriteChannel();
    QVERIFY(child.waitForFinished(kWaitMs));
    QVERIFY2(child.exitCode() == 0, child.readAllStandardError().constData());
    QVERIFY(child.readAllStandardOutput().contains("state.weight"));
    const Result binary = run({"run", input, "--input", input});
    VERIFY_CHILD(binary.code != 0 && binary.err.contains("holds no text"), binary);
  }

  void refuses() {
    QFETCH(QStringList, words);
    QFETCH(QString, said);
    const QString input = array("x.npy", "np.zeros((2, 3), 'f4')");
    const Result result = run(QStringList{"run"} + words + QStringList{"--input", input});
    VERIFY_CHILD(result.code != 0, result);
    VERIFY_CHILD(QString(result.err).contains(said), result);
  }
};

QTEST_GUILESS_MAIN(TestRunModel)
#include "test_run_model.moc"
