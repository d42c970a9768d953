#include <QtTest>
#include <cstdio>

#include "core/base/warning.h"
#include "core/trial/device_trial.h"
#include "tests/support/draw.h"
#include "tests/support/fake_device.h"

using namespace nw;
using namespace nw::trial;

namespace {

constexpr int kCases = 40;
constexpr int kLeastCases = 6;
constexpr int kPatienceMs = 4'000;
constexpr Device kGpu{DeviceType::Cuda, 1};

}  // namespace

/// Every registered block on a device whose memory the host cannot touch: where code takes a
/// device's memory for the host's, the program dies here. Most kernels are the CPU's, by the
/// fallback. `test_blocks_on_device gives_what_the_cpu_gives:LSTM` tests one.
class TestBlocksOnDevice : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    set_warning_handler([](const std::string&) {});
    test::fake_gpus();
    test::test_seed();
  }

  void gives_what_the_cpu_gives_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.make != nullptr)
        QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  void gives_what_the_cpu_gives() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test::test_seed() + std::hash<std::string>()(block.id));
    QElapsedTimer clock;
    clock.start();
    int accepted = 0;
    int cases = 0;
    for (; cases < kCases && (cases < kLeastCases || clock.elapsed() < kPatienceMs); ++cases) {
      const BlockCase drawn = draw_case(draw, block);
      const DeviceVerdict verdict = compare_device(draw, drawn, kGpu);
      QVERIFY2(verdict.problem.empty(), (drawn.text() + "\n  " + verdict.problem).c_str());
      accepted += verdict.accepted;
    }
    QVERIFY2(accepted >= cases / 8, "too few cases were legal to prove much");
  }
};

QTEST_GUILESS_MAIN(TestBlocksOnDevice)
#include "test_blocks_on_device.moc"
