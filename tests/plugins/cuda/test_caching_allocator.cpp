#include <QtTest>
#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "core/base/error.h"
#include "plugins/cuda/caching_allocator.h"
#include "tests/support/draw.h"

using namespace nw;
using nw::cuda::CachingAllocator;
using nw::cuda::MemorySource;
using nw::cuda::StreamHandle;

namespace {

constexpr size_t kMiB = size_t{1} << 20;

/// Streams as counters: work is queued, and a device that the test moves on does it.
struct FakeDevice {
  size_t limit = 0;
  std::map<void*, size_t> taken;
  size_t used = 0;
  int gives = 0;
  uintptr_t current = 1;
  std::map<uintptr_t, int> queued;
  std::map<uintptr_t, int> finished;

  void finish(uintptr_t stream) { finished[stream] = queued[stream]; }
};

class FakeMark final : public Event {
 public:
  FakeMark(FakeDevice& device, uintptr_t stream)
      : device_(device), stream_(stream), at_(++device.queued[stream]) {}
  bool done() const override { return device_.finished[stream_] >= at_; }
  void wait() override { device_.finished[stream_] = std::max(device_.finished[stream_], at_); }
  void follow() override {}

 private:
  FakeDevice& device_;
  uintptr_t stream_;
  int at_;
};

class FakeSource final : public MemorySource {
 public:
  explicit FakeSource(FakeDevice& device) : device_(device) {}
  void* take(size_t bytes) override {
    if (device_.used + bytes > device_.limit) return nullptr;
    void* memory = std::aligned_alloc(512, bytes);
    device_.taken[memory] = bytes;
    device_.used += bytes;
    return memory;
  }
  void give(void* memory) override {
    device_.used -= device_.taken.at(memory);
    device_.taken.erase(memory);
    ++device_.gives;
    std::free(memory);
  }
  size_t free_bytes() const override { return device_.limit - device_.used; }
  size_t total_bytes() const override { return device_.limit; }
  StreamHandle current_stream() const override {
    return reinterpret_cast<StreamHandle>(device_.current);
  }
  std::unique_ptr<Event> mark(StreamHandle stream) override {
    return std::make_unique<FakeMark>(device_, reinterpret_cast<uintptr_t>(stream));
  }
  void read(const void* from, size_t bytes, void* to) const override {
    std::memcpy(to, from, bytes);
  }
  std::string name() const override { return "cuda:7"; }

 private:
  FakeDevice& device_;
};

StreamHandle stream(uintptr_t number) {
  return reinterpret_cast<StreamHandle>(number);
}

}  // namespace

/// The allocator of GPU memory, over a source without a GPU.
class TestCachingAllocator : public QObject {
  Q_OBJECT

 private slots:
  void init() {
    device_ = {};
    device_.limit = 256 * kMiB;
    allocator_ = std::make_unique<CachingAllocator>(std::make_unique<FakeSource>(device_));
  }
  void cleanup() {
    allocator_->empty_cache();
    QVERIFY(device_.taken.empty());  // nothing was lost
  }

  void one_that_does_not_cache_gives_all_back_at_once() {
    CachingAllocator plain(std::make_unique<FakeSource>(device_), false);
    void* first = plain.allocate(100);
    QCOMPARE(device_.taken.at(first), size_t{100});  // not a byte more
    void* second = plain.allocate(100);
    plain.used_on(second, stream(2));
    device_.queued[2] = 1;  // stream 2 has not come so far
    plain.free(first, 100);
    QCOMPARE(device_.taken.count(first), size_t{0});
    plain.free(second, 100);
    QCOMPARE(device_.taken.count(second), size_t{1});
    plain.hold(stream(1));
    void* held = plain.allocate(8);
    plain.free(held, 8);
    QCOMPARE(device_.taken.count(held), size_t{1});
    plain.release(stream(1));
    plain.empty_cache();
    QVERIFY(device_.taken.empty());
    QCOMPARE(plain.use().reserved, uint64_t{0});
  }

  void a_warm_loop_asks_the_source_for_nothing() {
    for (int step = 0; step < 3; ++step) {
      std::vector<std::pair<void*, size_t>> blocks;
      for (const size_t bytes : {100, 5'000, 700'000, 3'000'000, 30'000'000, 5'000, 0}) {
        blocks.emplace_back(allocator_->allocate(bytes), bytes);
        QVERIFY(blocks.back().first != nullptr);
        QCOMPARE(reinterpret_cast<uintptr_t>(blocks.back().first) % 64, uintptr_t{0});
      }
      for (const auto& [memory, bytes] : blocks) allocator_->free(memory, bytes);
      if (step == 0) requests_ = allocator_->system_requests();
    }
    QCOMPARE(allocator_->system_requests(), requests_);
    QCOMPARE(allocator_->use().allocated, uint64_t{0});
  }

  void small_blocks_share_a_segment() {
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) blocks.push_back(allocator_->allocate(512));
    QCOMPARE(device_.taken.size(), size_t{1});
    QCOMPARE(allocator_->use().allocated, uint64_t{512'000});
    QCOMPARE(allocator_->use().reserved, uint64_t{2 * kMiB});
    for (void* memory : blocks) allocator_->free(memory, 512);
    // Joined again: one block of nearly the whole segment fits.
    allocator_->free(allocator_->allocate(kMiB), kMiB);
    QCOMPARE(device_.taken.size(), size_t{1});
  }

  /// Random sizes on two streams: blocks never overlap, keep what was written, and what is counted
  /// is what is in use.
  void blocks_never_overlap() {
    std::mt19937_64 random(test::test_seed());
    struct Held {
      unsigned char* memory;
      size_t bytes;
      unsigned char mark;
    };
    std::vector<Held> held;
    uint64_t most = 0;
    for (int i = 0; i < 4'000; ++i) {
      device_.current = 1 + random() % 2;
      if (held.empty() || random() % 100 < 51) {
        const size_t bytes = random() % 4 == 0 ? random() % (6 * kMiB) : random() % 10'000;
        try {
          auto* memory = static_cast<unsigned char*>(allocator_->allocate(bytes));
          held.push_back({memory, bytes, static_cast<unsigned char>(i)});
          std::memset(memory, held.back().mark, bytes);
        } catch (const Error&) {
          QVERIFY(allocator_->use().allocated + bytes > device_.limit / 4);
          for (const Held& one : held) allocator_->free(one.memory, one.bytes);
          held.clear();
        }
      } else {
        const size_t at = random() % held.size();
        std::swap(held[at], held.back());
        const Held one = held.back();
        held.pop_back();
        QVERIFY(std::all_of(one.memory, one.memory + one.bytes,
                            [&](unsigned char byte) { return byte == one.mark; }));
        QVERIFY(one.bytes == 0 || allocator_->owns(one.memory + one.bytes - 1));
        if (random() % 3 == 0) allocator_->used_on(one.memory, stream(3));
        allocator_->free(one.memory, one.bytes);
        if (random() % 5 == 0) device_.finish(3);
      }
      uint64_t least = 0;
      if (i % 100 == 0) {
        for (const Held& one : held) least += one.bytes;
        const MemoryUse use = allocator_->use();
        QVERIFY(use.allocated >= least && use.allocated <= use.reserved);
        QCOMPARE(use.reserved, uint64_t{device_.used});
        most = std::max(most, use.allocated);
        QVERIFY(use.peak >= most);
      }
    }
    for (const Held& one : held) allocator_->free(one.memory, one.bytes);
    QCOMPARE(allocator_->use().allocated, uint64_t{0});
  }

  void what_a_held_stream_was_given_is_not_given_back() {
    allocator_->hold(stream(5));
    device_.current = 5;
    void* first = allocator_->allocate(1000);
    allocator_->free(first, 1000);
    allocator_->empty_cache();
    QCOMPARE(device_.taken.size(), size_t{1});
    // Nor is it, when there is nothing else to have.
    device_.current = 1;
    QVERIFY_THROWS_EXCEPTION(Error, allocator_->allocate(device_.limit));
    QCOMPARE(device_.taken.size(), size_t{1});
    device_.current = 5;
    void* again = allocator_->allocate(1000);
    QCOMPARE(again, first);
    allocator_->free(again, 1000);
    allocator_->release(stream(5));
    allocator_->empty_cache();
    QVERIFY(device_.taken.empty());
  }

  void a_block_stays_with_its_stream() {
    void* first = allocator_->allocate(1000);
    allocator_->free(first, 1000);
    device_.current = 2;
    void* second = allocator_->allocate(1000);
    QVERIFY(second != first);  // stream 1 may still use it
    device_.current = 1;
    void* third = allocator_->allocate(1000);
    QCOMPARE(third, first);
    allocator_->free(second, 1000);
    allocator_->free(third, 1000);
  }

  void a_block_that_another_stream_uses_waits_for_it() {
    void* first = allocator_->allocate(1000);
    allocator_->used_on(static_cast<char*>(first) + 10, stream(2));
    allocator_->free(first, 1000);
    QVERIFY(!allocator_->owns(first));
    void* second = allocator_->allocate(1000);
    QVERIFY(second != first);
    device_.finish(2);
    void* third = allocator_->allocate(1000);
    QCOMPARE(third, first);
    allocator_->free(second, 1000);
    allocator_->free(third, 1000);
  }

  void gives_back_idle_segments_before_it_gives_up() {
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(allocator_->allocate(60 * kMiB));
    for (void* memory : blocks) allocator_->free(memory, 60 * kMiB);
    QCOMPARE(device_.gives, 0);
    void* large = allocator_->allocate(200 * kMiB);  // fits only without what is kept
    QVERIFY(device_.gives >= 3);
    allocator_->free(large, 200 * kMiB);
  }

  void waits_for_other_streams_before_it_gives_up() {
    void* large = allocator_->allocate(200 * kMiB);
    allocator_->used_on(large, stream(2));
    allocator_->free(large, 200 * kMiB);
    void* again = allocator_->allocate(200 * kMiB);
    QCOMPARE(again, large);
    allocator_->free(again, 200 * kMiB);
  }

  void says_what_was_needed_and_what_is_free() {
    void* held = allocator_->allocate(100 * kMiB);
    for (const size_t bytes : {200 * kMiB, 300 * kMiB}) {
      try {
        allocator_->allocate(bytes);
        QFAIL("more than there is");
      } catch (const Error& error) {
        const QString text = QString::fromStdString(error.text());
        QVERIFY2(text.startsWith("[memory] cuda:7 ") && text.contains(QString::number(bytes)) &&
                     text.contains(QString::number(156 * kMiB)) && text.contains("batch_size"),
                 qPrintable(text));
      }
    }
    void* fits = allocator_->allocate(150 * kMiB);  // the next request works
    allocator_->free(fits, 150 * kMiB);
    allocator_->free(held, 100 * kMiB);
    QVERIFY(allocator_->use().peak >= 250 * kMiB);
    allocator_->reset_peak();
    QCOMPARE(allocator_->use().peak, uint64_t{0});
  }

 private:
  FakeDevice device_;
  std::unique_ptr<CachingAllocator> allocator_;
  uint64_t requests_ = 0;
};

QTEST_GUILESS_MAIN(TestCachingAllocator)
#include "test_caching_allocator.moc"
