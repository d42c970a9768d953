#include <QtTest>
#include <algorithm>

#include "app/cli/step_limit.h"
#include "app/cli/step_selftest.h"
#include "tests/support/recording_device.h"

using namespace nw;
using namespace nw::cli;
using namespace nw::test;

namespace {

const BenchNet& net(const std::string& name) {
  return *std::find_if(bench_nets().begin(), bench_nets().end(),
                       [&](const BenchNet& one) { return one.name == name; });
}

}  // namespace

/// What `selftest` and `bench` do with recorded steps, on a stand-in for a GPU.
class TestStepSelftest : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { recording_device(); }
  void init() { set_can_record(true); }

  void recorded_steps_give_the_same_bits_data() {
    QTest::addColumn<QString>("name");
    for (const BenchNet& one : bench_nets()) {
      // The larger ones take the stand-in, which computes on one thread, too long.
      const bool large = one.name == "vgg" || one.name == "resnet18";
      if (!large) QTest::newRow(one.name.c_str()) << QString::fromStdString(one.name);
    }
  }

  void recorded_steps_give_the_same_bits() {
    QFETCH(QString, name);
    const StepVerdict verdict =
        compare_recorded(net(name.toStdString()), device_from_string("cuda:0"));
    QCOMPARE(verdict.problem, std::string());
    QCOMPARE(verdict.refusal, std::string());
    QCOMPARE(verdict.replays, verdict.steps - train::RecordedStep::kWarmUps);
  }

  void a_device_that_does_not_record_replays_nothing() {
    set_can_record(false);
    const StepVerdict verdict = compare_recorded(net("small"), device_from_string("cuda:0"));
    QCOMPARE(verdict.problem, std::string());
    QCOMPARE(verdict.replays, int64_t{0});
  }

  void the_limit_is_the_slower_of_units_and_memory() {
    // 2-16-16-2 on 32 samples: 3 · 2 · (32 + 256 + 32) · 32 operations.
    const StepWork work = work_of(net("small"));
    QCOMPARE(work.flops, 3.0 * 2 * 320 * 32);
    QVERIFY(work.bytes > 6 * 4 * 354);
    DeviceFacts facts{.name = "a GPU"};
    QVERIFY(!least_us(net("small"), facts));
    facts.float32_flops = 1e6;
    facts.bytes_per_second = 1e15;
    QCOMPARE(*least_us(net("small"), facts), work.flops);
    facts.float32_flops = 1e15;
    facts.bytes_per_second = 1e6;
    QCOMPARE(*least_us(net("small"), facts), work.bytes);
  }
};

QTEST_GUILESS_MAIN(TestStepSelftest)
#include "test_step_selftest.moc"
