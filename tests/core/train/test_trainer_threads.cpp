#include <QElapsedTimer>
#include <QTest>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/core/train/runs.h"

using namespace nw;
using namespace nw::train;

namespace {

/// A run on a thread of its own, and what it told so far.
class Worker {
 public:
  explicit Worker(graph::Project project, bool keep_states = false)
      : keep(keep_states),
        trainer(std::move(project), [this](const train::Event& event) { note(event); }),
        thread_([this] { trainer.run(); }) {}
  ~Worker() {
    trainer.stop();
    if (thread_.joinable()) thread_.join();
  }

  void join() { thread_.join(); }

  template <typename Condition>
  bool wait(const Condition& condition) {
    QElapsedTimer timer;
    timer.start();
    while (!condition()) {
      if (timer.elapsed() > 60000) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }

  std::atomic<int64_t> steps{0};
  std::atomic<int> pauses{0};
  std::atomic<bool> finished{false};
  std::mutex mutex;
  std::set<std::vector<float>> states;  // after each step, when `keep` is set
  const bool keep;
  Trainer trainer;

 private:
  void note(const train::Event& event) {
    if (keep &&
        (std::holds_alternative<Started>(event) || std::holds_alternative<StepDone>(event))) {
      std::vector<float> state = test::numbers(trainer.state_dict());
      const std::lock_guard lock(mutex);
      states.insert(std::move(state));
    }
    if (std::holds_alternative<StepDone>(event)) ++steps;
    if (std::holds_alternative<Paused>(event)) ++pauses;
    if (std::holds_alternative<Finished>(event)) finished = true;
  }

  std::thread thread_;
};

graph::Project endless() {
  graph::Project project = test::spirals();
  project.run.epochs = 100000;
  return project;
}

}  // namespace

class TestTrainerThreads : public QObject {
  Q_OBJECT

 private slots:
  void everyCopyOfTheWeightsIsThatOfOneStep() {
    Worker worker(endless(), true);
    QVERIFY(worker.wait([&] { return worker.steps > 3; }));
    std::vector<std::vector<float>> copies;
    for (int i = 0; i < 2000; ++i) {
      copies.push_back(test::numbers(worker.trainer.state_dict()));
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    worker.trainer.stop();
    worker.join();
    std::set<std::vector<float>> different;
    for (const auto& copy : copies) {
      QVERIFY(worker.states.contains(copy));
      different.insert(copy);
    }
    QVERIFY(different.size() > 10);  // the run went on meanwhile
    qInfo("%zu copies of %zu states", copies.size(), different.size());
  }

  void actsWithinOneBatch() {
    Worker worker(endless());
    QVERIFY(worker.wait([&] { return worker.steps > 10; }));
    for (int round = 1; round <= 20; ++round) {
      worker.trainer.pause();
      const int64_t at_call = worker.steps;
      QVERIFY(worker.wait([&] { return worker.pauses == round; }));
      const int64_t at_pause = worker.steps;
      QVERIFY2(at_pause - at_call <= 2, qPrintable(QString::number(at_pause - at_call)));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      QCOMPARE(worker.steps.load(), at_pause);
      worker.trainer.resume();
      QVERIFY(worker.wait([&] { return worker.steps > at_pause + 5; }));
    }
    QElapsedTimer timer;
    timer.start();
    worker.trainer.stop();
    const int64_t at_call = worker.steps;
    QVERIFY(worker.wait([&] { return worker.finished.load(); }));
    qInfo("stopped after %.3f ms", timer.nsecsElapsed() / 1e6);
    QVERIFY(worker.steps - at_call <= 2);
  }

  void stopsWhilePaused() {
    Worker worker(endless());
    worker.trainer.pause();
    QVERIFY(worker.wait([&] { return worker.pauses == 1; }));
    QVERIFY(!worker.trainer.state_dict().entries.empty());
    const int64_t steps = worker.steps;
    worker.trainer.stop();
    QVERIFY(worker.wait([&] { return worker.finished.load(); }));
    QCOMPARE(worker.steps.load(), steps);
  }
};

QTEST_GUILESS_MAIN(TestTrainerThreads)
#include "test_trainer_threads.moc"
