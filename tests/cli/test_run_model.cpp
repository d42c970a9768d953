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
    row("device", {"nn.Linear(3, 5)", "--device", "cuda:0"}, "cuda:0");
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
