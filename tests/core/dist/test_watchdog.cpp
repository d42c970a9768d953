#include <QTest>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "core/base/error.h"
#include "core/dist/prefixed_store.h"
#include "core/dist/run_keys.h"
#include "core/dist/watchdog.h"
#include "core/dist/watched_group.h"

using namespace nw;
using namespace nw::dist;
using std::chrono::milliseconds;

namespace {

/// A group whose only exchange, the barrier, ends when abort() is called.
class AbortedGroup : public ProcessGroup {
 public:
  std::string_view backend() const override { return "test"; }
  int rank() const override { return 0; }
  int size() const override { return 2; }
  DeviceType device_type() const override { return DeviceType::Cpu; }
  milliseconds timeout() const override { return milliseconds(0); }
  WorkHandle all_reduce(const Tensor&, Reduction) override { return {}; }
  WorkHandle broadcast(const Tensor&, int) override { return {}; }
  WorkHandle all_gather(const Tensor&, std::span<const Tensor>) override { return {}; }
  WorkHandle reduce_scatter(const Tensor&, std::span<const Tensor>, Reduction) override {
    return {};
  }
  WorkHandle send(const Tensor&, int, uint32_t) override { return {}; }
  WorkHandle recv(const Tensor&, int, uint32_t) override { return {}; }
  WorkHandle barrier() override { return std::make_shared<Waiting>(*this); }
  void abort(const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    reason_ = reason;
    changed_.notify_all();
  }
  uint64_t bytes_sent() const override { return 0; }

 private:
  class Waiting : public Work {
   public:
    explicit Waiting(AbortedGroup& group) : group_(group) {}
    bool is_completed() const override { return false; }
    void wait() override {
      std::unique_lock lock(group_.mutex_);
      group_.changed_.wait(lock, [this] { return !group_.reason_.empty(); });
      throw Error(group_.reason_);
    }

   private:
    AbortedGroup& group_;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string reason_;
};

constexpr milliseconds kLong = std::chrono::seconds(30);

/// Some ranks in this process, each with a client of one store.
class Ranks {
 public:
  explicit Ranks(int count, milliseconds silence = kLong) : size_(count), silence_(silence) {
    server_ = std::make_shared<TcpStore>("127.0.0.1", 0, true, kLong);
  }
  std::shared_ptr<Store> client() const {
    return std::make_shared<PrefixedStore>(
        std::make_shared<TcpStore>("127.0.0.1", server_->port(), false, kLong), "run/0/");
  }
  std::unique_ptr<Watchdog> start(int rank, const std::function<void(WatchOptions&)>& change = {}) {
    WatchOptions options;
    options.rank = rank;
    options.size = size_;
    options.host = "node" + std::to_string(rank);
    options.device = "cpu";
    options.store = client();
    options.store_lost = {-1, "node0:1", "", "can no longer be reached"};
    options.silence = silence_;
    if (change) change(options);
    return std::make_unique<Watchdog>(options);
  }
  void end_server() { server_.reset(); }

 private:
  int size_;
  milliseconds silence_;
  std::shared_ptr<TcpStore> server_;
};

bool within(milliseconds most, const std::function<bool()>& done) {
  return QTest::qWaitFor(done, static_cast<int>(most.count()));
}

}  // namespace

class TestWatchdog : public QObject {
  Q_OBJECT

 private slots:
  void ranks_that_end_in_order_are_no_fault() {
    Ranks ranks(3, milliseconds(1500));
    auto a = ranks.start(0);
    auto b = ranks.start(1);
    auto c = ranks.start(2);
    QCOMPARE(a->all_ranks().size(), size_t{3});
    QCOMPARE(a->all_ranks()[2].who(), std::string("rank 2 (cpu on node2)"));
    b.reset();
    QTest::qWait(3000);
    QVERIFY(!a->fault() && !c->fault());
    c.reset();
    const auto began = std::chrono::steady_clock::now();
    a->await_others(kLong);
    QVERIFY(std::chrono::steady_clock::now() - began < milliseconds(1000));
  }

  void a_silent_rank_is_named_to_all() {
    Ranks ranks(3, milliseconds(1500));
    // Rank 1 gave two signs of life and no more.
    const auto dead = ranks.client();
    dead->set(keys::who(1), to_record(Fault{1, "node1", "cuda:1", ""}));
    dead->set(keys::beat(1), "1");
    std::atomic<int> told{0};
    const auto count = [&](WatchOptions& options) {
      options.on_fault = [&](const Fault&) { ++told; };
    };
    auto a = ranks.start(0, count);
    auto c = ranks.start(2, count);
    QTest::qWait(500);
    dead->set(keys::beat(1), "2");
    QVERIFY(within(milliseconds(4000), [&] { return a->fault() && c->fault(); }));
    const std::string text = c->fault()->text();
    QVERIFY2(text.starts_with("rank 1 (cuda:1 on node1) has given no sign of life for "),
             text.c_str());
    QCOMPARE(a->fault()->text(), text);
    QCOMPARE(told.load(), 2);
  }

  void a_fault_aborts_the_group() {
    Ranks ranks(2);
    auto watchdog = ranks.start(0);
    auto group = std::make_shared<WatchedGroup>(std::make_shared<AbortedGroup>());
    watchdog->guard(group);
    const Fault fault{1, "node1", "cpu", "was killed by SIGKILL"};
    ranks.client()->set(keys::kFault, to_record(fault));
    try {
      group->barrier()->wait();
      QFAIL("it should have thrown");
    } catch (const Error& error) {
      QCOMPARE(error.text(), fault.text());
    }
    QVERIFY(!group->failed());  // it was aborted
    // What fails then is explained by the same fault, whatever it says itself.
    QCOMPARE(watchdog->explain("broken", group->failed()).text(), fault.text());
  }

  void a_failure_of_its_own_becomes_the_fault() {
    Ranks ranks(2);
    auto a = ranks.start(0);
    auto b = ranks.start(1);
    const auto began = std::chrono::steady_clock::now();
    const Fault own = b->explain("[data] is damaged", false);
    QVERIFY(std::chrono::steady_clock::now() - began < milliseconds(500));
    QCOMPARE(own.text(), std::string("rank 1 (cpu on node1) failed: [data] is damaged"));
    QVERIFY(within(milliseconds(2000), [&] { return a->fault().has_value(); }));
    QCOMPARE(a->fault()->text(), own.text());
    // The first one stands.
    QCOMPARE(a->explain("[all_reduce] broke", true).text(), own.text());
  }

  void a_broken_exchange_is_explained_by_who_is_silent() {
    Ranks ranks(3);
    const auto dead = ranks.client();
    dead->set(keys::who(1), to_record(Fault{1, "node1", "cpu", ""}));
    dead->set(keys::beat(1), "7");
    auto a = ranks.start(0);
    auto c = ranks.start(2);
    const auto began = std::chrono::steady_clock::now();
    const Fault found = c->explain("[all_reduce] lost a connection", true);
    QVERIFY(std::chrono::steady_clock::now() - began < milliseconds(5000));
    QCOMPARE(found.rank, 1);
    QVERIFY(within(milliseconds(2000), [&] { return a->fault().has_value(); }));
    QCOMPARE(a->fault()->rank, 1);
  }

  void a_broken_exchange_with_all_alive_is_its_own() {
    Ranks ranks(2);
    auto a = ranks.start(0);
    auto b = ranks.start(1);
    QCOMPARE(b->explain("[all_reduce] gets other sizes", true).text(),
             std::string("rank 1 (cpu on node1) failed: [all_reduce] gets other sizes"));
  }

  void the_store_goes_away() {
    Ranks ranks(2);
    auto watchdog = ranks.start(1);
    QTest::qWait(300);
    ranks.end_server();
    QVERIFY(within(milliseconds(3000), [&] { return watchdog->fault().has_value(); }));
    QCOMPARE(watchdog->fault()->text(),
             std::string("the launcher on node0:1 can no longer be reached"));
  }

  void the_store_stays_until_all_know_of_a_fault() {
    Ranks ranks(3);
    auto a = ranks.start(0, [](WatchOptions& options) { options.serves = true; });
    ranks.client()->set(keys::kFault, to_record(Fault{1, "node1", "cpu", "went away"}));
    QVERIFY(within(milliseconds(2000), [&] { return a->fault().has_value(); }));
    std::atomic<bool> knows{false};
    std::thread slow([&, store = ranks.client()] {  // rank 2, on a busy processor
      std::this_thread::sleep_for(milliseconds(700));
      knows = true;
      store->set(keys::told(2), "");
    });
    a.reset();
    QVERIFY(knows);
    slow.join();
  }

  void who_never_hears_of_a_fault_is_not_waited_for_long() {
    Ranks ranks(3);
    auto a = ranks.start(0, [](WatchOptions& options) { options.serves = true; });
    ranks.client()->set(keys::kFault, to_record(Fault{1, "node1", "cpu", "went away"}));
    QVERIFY(within(milliseconds(2000), [&] { return a->fault().has_value(); }));
    const auto began = std::chrono::steady_clock::now();
    a.reset();
    QVERIFY(std::chrono::steady_clock::now() - began < milliseconds(4000));
  }

  void a_wish_to_stop_reaches_rank_0_once() {
    Ranks ranks(2);
    std::atomic<int> stops{0};
    const auto count = [&](WatchOptions& options) { options.on_stop = [&] { ++stops; }; };
    auto a = ranks.start(0, count);
    auto b = ranks.start(1, count);
    ranks.client()->set(keys::kStop, "");
    QVERIFY(within(milliseconds(2000), [&] { return stops.load() > 0; }));
    QTest::qWait(700);
    QCOMPARE(stops.load(), 1);
  }

  void who_does_not_end_after_a_fault_is_told() {
    Ranks ranks(2);
    std::atomic<bool> overdue{false};
    auto watchdog = ranks.start(0, [&](WatchOptions& options) {
      options.on_overdue = [&](const Fault& fault) { overdue = fault.rank == 1; };
    });
    ranks.client()->set(keys::kFault, to_record(Fault{1, "h", "cpu", "went"}));
    QTest::qWait(1500);
    QVERIFY(!overdue);
    QVERIFY(within(milliseconds(4000), [&] { return overdue.load(); }));
  }

  void records() {
    const Fault fault{3, "node7", "cuda:1", "failed: two\nlines"};
    const Fault back = fault_from_record(to_record(fault));
    QCOMPARE(back.text(), fault.text());
    QCOMPARE(back.cause, fault.cause);
    for (const char* bad : {"", "3", "3\nnode", "x\nnode\ncpu\nwent", "3 \nnode\ncpu\nwent"}) {
      QVERIFY_THROWS_EXCEPTION(Error, fault_from_record(bad));
    }
  }
};

QTEST_GUILESS_MAIN(TestWatchdog)
#include "test_watchdog.moc"
