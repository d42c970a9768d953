#include "app/cli/output_folder.h"
#include "app/cli/progress.h"
#include "app/cli/text.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/train/curves.h"
#include "tests/cli/child.h"

using namespace nw;

/// The pieces of the command line that a child's output shows only now and then.
class TestCliOutput : public QObject {
  Q_OBJECT

 private slots:
  void figures_for_people() {
    QCOMPARE(cli::grouped(0), std::string("0"));
    QCOMPARE(cli::grouped(999), std::string("999"));
    QCOMPARE(cli::grouped(61706), std::string("61 706"));
    QCOMPARE(cli::grouped(-1234567), std::string("-1 234 567"));
    QCOMPARE(cli::percent(0.8812), std::string("88.12 %"));
    QCOMPARE(cli::clock_text(0.4), std::string("0:00"));
    QCOMPARE(cli::clock_text(59.6), std::string("1:00"));
    QCOMPARE(cli::clock_text(3661), std::string("1:01:01"));
    QCOMPARE(cli::clock_text(1e300), std::string("99:59:59"));
  }

  void a_table_is_aligned() {
    const std::string text = cli::table({{"block", "n"}, {""}, {"Conv2d", "N×6"}, {"A", "1 000"}},
                                        {cli::Align::Left, cli::Align::Right});
    QCOMPARE(text, std::string("block       n\n-------------\nConv2d    N×6\nA       1 000\n"));
  }

  void the_progress_line_fits_data() {
    QTest::addColumn<int>("columns");
    QTest::addColumn<bool>("unicode");
    for (int columns = 1; columns <= 200; columns += (columns < 90 ? 1 : 11)) {
      QTest::addRow("%d columns", columns) << columns << true;
      QTest::addRow("%d columns, ASCII", columns) << columns << false;
    }
  }

  void the_progress_line_fits() {
    QFETCH(int, columns);
    QFETCH(bool, unicode);
    train::Started run;
    run.epochs = 5;
    run.batches = 844;
    run.classifies = true;
    train::StepDone step;
    step.epoch = 3;
    step.batch = 422;
    step.loss = 0.31251;
    step.accuracy = 0.875;
    step.samples_per_second = 41234.6;
    step.seconds_left = 42;
    const std::string line = cli::progress_line(run, step, {true, columns, unicode});
    QVERIFY2(cli::display_width(line) < static_cast<size_t>(columns) || columns == 1, line.c_str());
    const bool ascii = std::all_of(line.begin(), line.end(), [](char c) { return c > 0; });
    if (!unicode) QVERIFY(ascii);
    if (columns >= 20) QVERIFY2(line.starts_with("epoch 3/5 "), line.c_str());
    if (columns >= 120) {
      QVERIFY2(line.ends_with("  50 %  loss 0.3125  accuracy  87.5 %  0:42 left  41 234 samples/s"),
               line.c_str());
      // Half of the bar is full.
      const QString text = QString::fromStdString(line);
      QCOMPARE(text.count(unicode ? QChar(0x2588) : QChar('#')), 12);
      QCOMPARE(text.count(unicode ? QChar(0x2591) : QChar('.')), unicode ? 12 : 14);
    }
  }

  void curves_keep_every_digit() {
    train::Curves curves;
    train::StepDone step;
    step.step = 1;
    step.epoch = 1;
    step.loss = 0.1 + 0.2;
    step.accuracy = 1.0 / 3;
    step.learning_rate = 0.001;
    curves.add(step);
    train::EpochDone epoch;
    epoch.validation_loss = 2;
    epoch.validation_accuracy = 0.5;
    curves.add(epoch);
    const std::string heading =
        "step,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate\n";
    QCOMPARE(curves.csv(true),
             heading + "1,1,0.30000000000000004,0.3333333333333333,2,0.5,0.001\n");
    QCOMPARE(curves.csv(false), heading + "1,1,0.30000000000000004,,2,,0.001\n");
  }

  void weights_find_a_refuge() {
    QTemporaryDir folder;
    qputenv("TMPDIR", folder.path().toUtf8());
    const std::string out = folder.filePath("out").toStdString();
    cli::OutputFolder output(out, "net");
    QVERIFY(QDir().rmdir(folder.filePath("out")));  // as if the disk were gone
    nn::StateDict state;
    state.entries.push_back({"0.weight", zeros({2, 2})});
    QVERIFY_THROWS_EXCEPTION(Error, output.save_weights(state));
    QCOMPARE(output.files().size(), size_t{1});
    const QString refuge = QString::fromStdString(output.files()[0]);
    QVERIFY2(refuge.startsWith(folder.path()), qPrintable(refuge));
    QVERIFY(QFile(refuge).size() > 0);
  }
};

QTEST_GUILESS_MAIN(TestCliOutput)
#include "test_cli_output.moc"
