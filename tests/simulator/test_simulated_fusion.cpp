#include <QTest>

#include "core/backend/fallback.h"
#include "tests/core/graph/fusion_case.h"
#include "tests/simulator/load_gpus.h"

using namespace nw;
using namespace nw::test;
using namespace nw::test::fusion;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

}  // namespace

/// Nets on a simulated GPU, whose neighbouring steps run as one kernel.
class TestSimulatedFusion : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QCOMPARE(load_simulated_gpus(), std::string()); }

  void any_net() {
    Draw draw(test_seed());
    Tally tally;
    for (int round = 0; round < 120; ++round) {
      tally.add_any(draw, kGpu);
      QVERIFY2(tally.problem.empty(), tally.problem.c_str());
    }
    QVERIFY(tally.chains > 30 && tally.sound > 60);
    for (const auto& [kernel, count] : fallback_counts()) {
      QVERIFY2(!kernel.starts_with("chain"), kernel.c_str());
    }
  }

  /// ReLU is applied where the product is written only if NaN comes through there.
  void relu_keeps_nan_data() {
    QTest::addColumn<bool>("loses");
    QTest::newRow("cuBLASLt keeps NaN") << false;
    QTest::newRow("cuBLASLt loses NaN") << true;
  }
  void relu_keeps_nan() {
    QFETCH(bool, loses);
    qputenv("NW_SIMULATED_RELU_LOSES_NAN", loses ? "1" : "0");
    for (const DType dtype : {DType::Float32, DType::Float16}) {
      Draw draw(test_seed());
      Drawing drawing(draw);
      graph::NodeId last = drawing.add("Input", {}, {});
      // Of sizes that no other row has, as a plan is tried out once.
      last = drawing.add("Linear", args_of({{"out_features", int64_t{loses ? 7 : 9}}}), {last});
      last = drawing.add("ReLU", {}, {last});
      last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
      drawing.add("CrossEntropyLoss", {}, {last});
      Setting setting{3, features()};
      setting.device = kGpu;
      setting.dtype = dtype;
      setting.nan = true;
      Tally tally;
      tally.add(drawing.graph, setting);
      QVERIFY2(tally.problem.empty(), tally.problem.c_str());
      QCOMPARE(tally.products, int64_t{1});
      const Outcome outcome = step(drawing.graph, setting, false);
      QVERIFY(std::isnan(outcome.numbers[1].item()));
    }
  }
};

QTEST_GUILESS_MAIN(TestSimulatedFusion)
#include "test_simulated_fusion.moc"
