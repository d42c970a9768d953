#include <QtTest>
#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"

using namespace nw;

class TestParallel : public QObject {
  Q_OBJECT

 private slots:
  void init() { set_num_threads(4); }

  void pieces_cover_all_once() {
    for (const int threads : {1, 2, 3, 4, 7}) {
      set_num_threads(threads);
      for (const int64_t count : {0, 1, 2, 5, 63, 64, 1000}) {
        for (const int64_t grain : {0, 1, 10, 64, 2000}) {
          std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
          std::atomic<int> calls{0};
          parallel_for(count, grain, [&](int64_t begin, int64_t end) {
            ++calls;
            for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
          });
          for (const auto& times : seen) QCOMPARE(times.load(), 1);
          QVERIFY(calls <= std::max(threads, 1));
          if (grain > count) QVERIFY(calls <= 1);
        }
      }
    }
  }

  void pieces_do_not_depend_on_who_runs_them() {
    const auto pieces = [] {
      std::mutex mutex;
      std::set<std::pair<int64_t, int64_t>> out;
      parallel_for(1001, 10, [&](int64_t begin, int64_t end) {
        const std::lock_guard lock(mutex);
        out.emplace(begin, end);
      });
      return out;
    };
    const auto first = pieces();
    QCOMPARE(first.size(), size_t{4});
    for (int i = 0; i < 100; ++i) QVERIFY(pieces() == first);
  }

  void helpers_really_help() {
    // Both pieces wait for each other: alone, the caller would never come back.
    set_num_threads(2);
    std::atomic<int> arrived{0};
    parallel_for(2, 1, [&](int64_t, int64_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    QCOMPARE(arrived.load(), 2);
  }

  void nested_calls_and_other_threads_work_alone() {
    std::atomic<int64_t> total{0};
    const auto work = [&] {
      for (int round = 0; round < 200; ++round) {
        parallel_for(8, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            parallel_for(16, 1, [&](int64_t from, int64_t to) { total += to - from; });
          }
        });
      }
    };
    std::thread other(work);
    work();
    other.join();
    QCOMPARE(total.load(), int64_t{2 * 200 * 8 * 16});
  }

  void exceptions_come_out() {
    for (int round = 0; round < 100; ++round) {
      std::atomic<int> ended{0};
      try {
        parallel_for(4, 1, [&](int64_t begin, int64_t) {
          ++ended;
          if (begin % 2 == 1) throw Error(concat("piece ", begin));
        });
        QFAIL("no exception");
      } catch (const Error& error) {
        QVERIFY(error.text().starts_with("piece "));
      }
      QCOMPARE(ended.load(), 4);
      int64_t sum = 0;  // and the next call is none the wiser
      parallel_for(1, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
      QCOMPARE(sum, int64_t{1});
    }
  }

  void thread_counts_are_checked() {
    QVERIFY_THROWS_EXCEPTION(Error, set_num_threads(0));
    QVERIFY_THROWS_EXCEPTION(Error, set_num_threads(100'000));
    QCOMPARE(num_threads(), 4);
  }
};

QTEST_GUILESS_MAIN(TestParallel)
#include "test_parallel.moc"
