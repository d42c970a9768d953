#include <QtTest>

#include "core/base/error.h"
#include "core/codegen/expression.h"

using namespace nw;
using codegen::parse_schedulers;

class TestParseSchedulers : public QObject {
  Q_OBJECT

 private slots:
  void one_by_name_and_by_place() {
    for (const char* text :
         {"StepLR(step_size=2)", "StepLR(2)", "lr_scheduler.StepLR(optimizer, 2)",
          "torch.optim.lr_scheduler.StepLR(optimizer, step_size=2)",
          "optim.lr_scheduler.StepLR(2)"}) {
      const auto read = parse_schedulers(text);
      QCOMPARE(read.size(), size_t{1});
      QCOMPARE(read[0].spec->id, std::string("StepLR"));
      QVERIFY(read[0].args == (nn::Args{{"step_size", int64_t{2}}}));
    }
    const auto stones = parse_schedulers("MultiStepLR(milestones=[3, 7], gamma=0.5)");
    QCOMPARE(stones[0].args.integers("milestones"), (std::vector<int64_t>{3, 7}));
    // A run tells how long the cycle is.
    QVERIFY(parse_schedulers("OneCycleLR(max_lr=0.1)")[0].args == (nn::Args{{"max_lr", 0.1}}));
  }

  void several() {
    const auto read = parse_schedulers(
        "ChainedScheduler([LinearLR(optimizer, 0.1), lr_scheduler.ExponentialLR(gamma=0.9)])");
    QCOMPARE(read.size(), size_t{2});
    QCOMPARE(read[0].spec->id, std::string("LinearLR"));
    QVERIFY(read[1].args == (nn::Args{{"gamma", 0.9}}));
  }

  void mistakes_have_a_place_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("said");
    QTest::newRow("unknown") << "StapLR(2)"
                             << "StepLR";
    QTest::newRow("argument") << "StepLR(step=2)"
                              << "line 1, column 8";
    QTest::newRow("missing") << "StepLR()"
                             << "step_size";
    QTest::newRow("range") << "StepLR(0)"
                           << "at least 1";
    QTest::newRow("no list") << "ChainedScheduler(StepLR(2))"
                             << "list of schedulers";
    QTest::newRow("function") << "LambdaLR(optimizer, lambda epoch: 0.9 ** epoch)"
                              << "column 1: expected a scheduler that numbers describe";
    QTest::newRow("sequence") << "SequentialLR([StepLR(2), ExponentialLR(0.9)], milestones=[3])"
                              << "ChainedScheduler";
    QTest::newRow("in a list") << "ChainedScheduler([StepLR(2), Adam()])"
                               << "column 30";
    QTest::newRow("an optimiser") << "Adam(lr=0.1)"
                                  << "a scheduler";
  }

  void mistakes_have_a_place() {
    QFETCH(QString, text);
    QFETCH(QString, said);
    try {
      parse_schedulers(text.toStdString());
      QFAIL("was taken");
    } catch (const Error& error) {
      QVERIFY2(QString::fromStdString(error.text()).contains(said), error.what());
    }
  }
};

QTEST_GUILESS_MAIN(TestParseSchedulers)
#include "test_parse_schedulers.moc"
