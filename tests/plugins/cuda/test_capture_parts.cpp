#include <QtTest>
#include <thread>

#include "core/backend/creation.h"
#include "core/backend/math_mode.h"
#include "core/base/error.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/peak.h"

using namespace nw;

/// What the recording of CUDA graphs and the figures of GPUs need that no GPU is needed for.
class TestCaptureParts : public QObject {
  Q_OBJECT

 private slots:
  void a_recording_keeps_tensors_and_refuses_the_host() {
    const Tensor x = zeros({2}, DType::Float32, kCpu);
    cuda::refuse_recording("numbers on the host");  // nothing is recorded
    cuda::keep_for_recording(x);
    QCOMPARE(x.use_count(), 1);
    {
      cuda::Keeper keeper;
      cuda::keep_for_recording(x);
      QCOMPARE(x.use_count(), 2);
      QCOMPARE(keeper.tensors().size(), size_t{1});
      try {
        cuda::refuse_recording("numbers on the host");
        QFAIL("it is recorded");
      } catch (const Error& error) {
        QCOMPARE(error.text(), std::string("[cuda] cannot record numbers on the host"));
      }
      QVERIFY_THROWS_EXCEPTION(Error, cuda::Keeper());
      std::thread([] { cuda::refuse_recording("of another thread"); }).join();
    }
    cuda::refuse_recording("numbers on the host");
    QCOMPARE(x.use_count(), 1);
  }

  void peaks_are_those_that_nvidia_tells_data() {
    QTest::addColumn<int>("major");
    QTest::addColumn<int>("minor");
    QTest::addColumn<int>("processors");
    QTest::addColumn<double>("hertz");
    QTest::addColumn<double>("float32_tera");
    QTest::addColumn<double>("tf32_tera");
    QTest::addColumn<double>("half_tera");
    QTest::newRow("H100 SXM") << 9 << 0 << 132 << 1.83e9 << 61.8 << 494.7 << 989.4;
    QTest::newRow("A100") << 8 << 0 << 108 << 1.41e9 << 19.5 << 156.0 << 312.0;
    QTest::newRow("T4") << 7 << 5 << 40 << 1.59e9 << 8.1 << 0.0 << 65.0;
    QTest::newRow("unknown") << 6 << 1 << 20 << 1e9 << 0.0 << 0.0 << 0.0;
  }

  void peaks_are_those_that_nvidia_tells() {
    QFETCH(int, major);
    QFETCH(int, minor);
    QFETCH(int, processors);
    QFETCH(double, hertz);
    QFETCH(double, float32_tera);
    QFETCH(double, tf32_tera);
    QFETCH(double, half_tera);
    DeviceFacts facts{.name = "GPU", .major = major, .minor = minor};
    cuda::set_peak(facts, processors, hertz);
    QVERIFY(std::abs(facts.float32_flops * 1e-12 - float32_tera) <= 0.01 * float32_tera);
    QVERIFY(std::abs(facts.tf32_flops * 1e-12 - tf32_tera) <= 0.01 * tf32_tera);
    QVERIFY(std::abs(facts.half_flops * 1e-12 - half_tera) <= 0.01 * half_tera);
  }

  void tf32_is_allowed_for_a_while() {
    const MathMode before = math_mode();
    {
      const AllowTf32 allowed(true);
      QVERIFY(math_mode().matmul_tf32 && math_mode().conv_tf32);
      {
        const AllowTf32 nothing(false);
        QVERIFY(math_mode().matmul_tf32);
      }
    }
    QVERIFY(math_mode() == before);
  }
};

QTEST_GUILESS_MAIN(TestCaptureParts)
#include "test_capture_parts.moc"
