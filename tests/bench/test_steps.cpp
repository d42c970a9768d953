#include <QtTest>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "app/cli/bench_net.h"
#include "app/cli/heap_counter.h"
#include "core/backend/backend.h"
#include "core/base/parallel.h"
#include "tests/support/oracle.h"

using namespace nw;

// Where no sanitizer has taken malloc, every way to it is counted, oneDNN's and the C library's
// too.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NW_COUNTS_MALLOC 1

namespace {
std::atomic<uint64_t> mallocs{0};
}

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  mallocs.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  mallocs.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  mallocs.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  mallocs.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  mallocs.fetch_add(1, std::memory_order_relaxed);
  *memory = __libc_memalign(alignment, bytes);
  return *memory != nullptr ? 0 : ENOMEM;
}
}
#endif

namespace {

uint64_t allocations() {
#ifdef NW_COUNTS_MALLOC
  return mallocs.load();
#else
  return cli::heap_allocations();
#endif
}

}  // namespace

/// In cli::bench_nets(): those before use kernels of our own only.
constexpr int kFirstWithOneDnn = 3;

class TestSteps : public QObject {
  Q_OBJECT

 private slots:
  void the_counter_counts() {
    const uint64_t before = allocations();
    std::vector<int> some(100, int(before));
    QCOMPARE(some.size(), size_t{100});
    QVERIFY(allocations() > before);
  }

  void a_warm_step_allocates_nothing_data() {
    QTest::addColumn<int>("net");
    for (size_t i = 0; i < cli::bench_nets().size(); ++i) {
      QTest::newRow(cli::bench_nets()[i].name.c_str()) << int(i);
    }
  }
  void a_warm_step_allocates_nothing() {
    QFETCH(int, net);
    set_num_threads(1);
    cli::BenchStep step(cli::bench_nets()[size_t(net)]);
    constexpr int kWarmUp = 3;
    constexpr int kSteps = 20;
    for (int i = 0; i < kWarmUp; ++i) step.run();
    const Allocator& memory = backend_of(kCpu).allocator(kCpu);
    const uint64_t requests = memory.system_requests();
    const uint64_t before = allocations();
    for (int i = 0; i < kSteps; ++i) step.run();
    const uint64_t after = allocations();
    // oneDNN makes small objects inside each of its calls; they take no memory of tensors.
    const bool calls_onednn = net >= kFirstWithOneDnn;
    if (!calls_onednn) QCOMPARE(after - before, uint64_t{0});
    QCOMPARE(memory.system_requests(), requests);
  }

  /// What PyTorch is timed with is the same step: it starts from the same weights and numbers.
  void torch_runs_the_same_step_data() { a_warm_step_allocates_nothing_data(); }
  void torch_runs_the_same_step() {
    QFETCH(int, net);
    set_num_threads(2);
    if (!oracle_) oracle_ = std::make_unique<test::Oracle>();
    QVERIFY2(oracle_->problem().empty(), oracle_->problem().c_str());
    const cli::BenchNet& bench_net = cli::bench_nets()[size_t(net)];
    const auto reply = oracle_->run("torch.manual_seed(0)\n" + cli::torch_code(bench_net) +
                                        "\nloss = loss_fn(model(x), target).item()\n",
                                    {}, {"loss"});
    QVERIFY2(reply.ok(), reply.error.c_str());
    const double theirs = std::stod(reply.texts.at("loss"));
    const double ours = cli::BenchStep(bench_net).run();
    QVERIFY2(
        std::abs(ours - theirs) <= 1e-5 * std::abs(theirs),
        qPrintable(QString("ours %1, PyTorch's %2").arg(ours, 0, 'g', 9).arg(theirs, 0, 'g', 9)));
  }

  void steps_repeat_bit_for_bit_data() { a_warm_step_allocates_nothing_data(); }
  void steps_repeat_bit_for_bit() {
    QFETCH(int, net);
    set_num_threads(2);
    constexpr int kSteps = 5;
    // One after the other: both draw dropout masks from the one generator.
    const auto losses = [&] {
      cli::BenchStep step(cli::bench_nets()[size_t(net)]);
      std::vector<double> out;
      for (int i = 0; i < kSteps; ++i) out.push_back(step.run());
      return out;
    };
    const std::vector<double> first = losses();
    const std::vector<double> second = losses();
    double before = HUGE_VAL;
    for (size_t i = 0; i < first.size(); ++i) {
      QVERIFY(first[i] == second[i]);
      QVERIFY(std::isfinite(first[i]));
      QVERIFY(first[i] != before);  // it does learn
      before = first[i];
    }
  }

 private:
  std::unique_ptr<test::Oracle> oracle_;
};

QTEST_GUILESS_MAIN(TestSteps)
#include "test_steps.moc"
