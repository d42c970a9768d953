#include <QRandomGenerator>
#include <QtTest>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/backend/backend.h"
#include "core/backend/cpu/caching_allocator.h"
#include "core/backend/creation.h"
#include "core/base/pool.h"

using namespace nw;

namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

}  // namespace

class TestMemory : public QObject {
  Q_OBJECT

 private slots:
  void is_aligned_and_separate() {
    cpu::CachingAllocator& memory = cpu::caching_allocator();
    std::vector<std::pair<char*, size_t>> blocks;
    for (size_t bytes : {0, 1, 63, 64, 65, 1000, 4096, 32768, 32769, 40000, 1 << 20, 3 << 20}) {
      auto* block = static_cast<char*>(memory.allocate(bytes));
      QCOMPARE(reinterpret_cast<uintptr_t>(block) % 64, uintptr_t{0});
      std::memset(block, int(blocks.size()), bytes);
      blocks.emplace_back(block, bytes);
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      const auto [block, bytes] = blocks[i];
      QVERIFY(std::all_of(block, block + bytes, [&](char c) { return c == char(i); }));
      memory.free(block, bytes);
    }
  }

  void a_warm_loop_asks_the_system_for_nothing() {
    cpu::CachingAllocator& memory = cpu::caching_allocator();
    const auto step = [&] {
      std::vector<std::pair<void*, size_t>> blocks;
      for (size_t bytes : {100, 100, 5000, 70000, 70000, 1 << 20}) {
        blocks.emplace_back(memory.allocate(bytes), bytes);
      }
      for (const auto& [block, bytes] : blocks) memory.free(block, bytes);
    };
    step();
    const uint64_t before = memory.system_requests();
    for (int i = 0; i < 100; ++i) step();
    QCOMPARE(memory.system_requests(), before);
  }

  void blocks_freed_by_another_thread_come_back() {
    cpu::CachingAllocator& memory = cpu::caching_allocator();
    const auto pass_on = [&](size_t bytes) {
      std::vector<void*> blocks;
      for (int i = 0; i < 300; ++i) blocks.push_back(memory.allocate(bytes));
      std::thread([&] {
        for (void* block : blocks) memory.free(block, bytes);
      }).join();
    };
    for (size_t bytes : {200, 100'000}) {
      pass_on(bytes);
      const uint64_t before = memory.system_requests();
      for (int i = 0; i < 10; ++i) pass_on(bytes);
      QCOMPARE(memory.system_requests(), before);
    }
  }

  void keeps_no_more_than_was_in_use() {
    cpu::CachingAllocator& memory = cpu::caching_allocator();
    memory.trim();
    const size_t before = memory.kept_bytes();
    const size_t large = size_t{100} << 20;
    // Different sizes one after the other, each freed before the next.
    for (size_t i = 0; i < 12; ++i) {
      memory.free(memory.allocate(large + (i << 24)), large + (i << 24));
    }
    QVERIFY(memory.kept_bytes() <= before + large + (size_t{12} << 24) + (size_t{80} << 20));
    memory.trim();
    QVERIFY(memory.kept_bytes() <= before);
  }

  /// What was one large block serves for small ones, and those together for a large one again.
  void small_blocks_come_from_large_ones() {
    cpu::CachingAllocator& memory = cpu::caching_allocator();
    memory.trim();
    constexpr size_t kLarge = size_t{60} << 20;
    memory.free(memory.allocate(kLarge), kLarge);
    const uint64_t before = memory.system_requests();
    for (const size_t parts : {10, 3, 50, 1}) {
      const size_t bytes = kLarge / parts - 64 * 1024;
      std::vector<void*> blocks;
      for (size_t i = 0; i < parts; ++i) blocks.push_back(memory.allocate(bytes));
      for (size_t i = 0; i < parts; i += 2) memory.free(blocks[i], bytes);
      for (size_t i = 1; i < parts; i += 2) memory.free(blocks[i], bytes);
    }
    QCOMPARE(memory.system_requests(), before);
  }

  /// Blocks of random sizes in a random order: none overlaps another, all are joined at the end.
  void random_blocks_do_not_overlap() {
    cpu::BlockArena arena;
    std::vector<std::unique_ptr<char, decltype(&std::free)>> stretches;
    struct Taken {
      char* memory;
      size_t bytes;
      char mark;
    };
    std::vector<Taken> taken;
    std::mt19937 random(QRandomGenerator::global()->generate());
    const auto release = [&](size_t i) {
      const auto [block, bytes, mark] = taken[i];
      QVERIFY(std::all_of(block, block + bytes, [&](char c) { return c == mark; }));
      arena.give(block);
      taken[i] = taken.back();
      taken.pop_back();
    };
    for (int i = 0; i < 20'000; ++i) {
      if (!taken.empty() && random() % 100 < 48) {
        release(random() % taken.size());
        continue;
      }
      const size_t bytes = random() % (random() % 10 == 0 ? 300'000 : 3'000);
      void* block = arena.take(bytes);
      if (block == nullptr) {
        const size_t stretch = cpu::BlockArena::stretch_for(bytes) + 64 * (random() % 20'000);
        stretches.emplace_back(static_cast<char*>(std::aligned_alloc(64, stretch)), &std::free);
        arena.lend(stretches.back().get(), stretch);
        block = arena.take(bytes);
      }
      QVERIFY(block != nullptr);
      QCOMPARE(reinterpret_cast<uintptr_t>(block) % 64, uintptr_t{0});
      taken.push_back({static_cast<char*>(block), bytes, char(i)});
      std::memset(block, char(i), bytes);
    }
    while (!taken.empty()) release(taken.size() - 1);
    QCOMPARE(arena.free_bytes(), arena.stretch_bytes());
    for (size_t i = 0; i < stretches.size(); ++i) QVERIFY(arena.reclaim() != nullptr);
    QVERIFY(arena.reclaim() == nullptr);
    QCOMPARE(arena.stretch_bytes(), size_t{0});
  }

  void too_much_is_an_error_with_the_bytes() {
    const std::string text = error_of([] { empty({int64_t{1} << 45}); });
    QVERIFY2(text.starts_with("[memory] not enough"), text.c_str());
    QVERIFY2(text.find("140737488355328 bytes") != std::string::npos, text.c_str());
    QVERIFY(!error_of([] { empty({int64_t{1} << 62}); }).empty());
    QVERIFY(!error_of([] { empty({int64_t{1} << 40, int64_t{1} << 40}); }).empty());
  }

  void pool_reuses_across_threads() {
    for (size_t bytes : {0, 1, 16, 17, 512, 513, 4000}) {
      void* block = pool_allocate(bytes);
      std::memset(block, 1, bytes);
      pool_free(block, bytes);
    }
    void* const first = pool_allocate(100);
    pool_free(first, 100);
    QCOMPARE(pool_allocate(100), first);
    pool_free(first, 100);

    // One thread makes, another frees: the same blocks must come round again.
    std::vector<void*> seen;
    for (int round = 0; round < 20; ++round) {
      std::vector<void*> blocks;
      for (int i = 0; i < 1000; ++i) blocks.push_back(pool_allocate(333));
      seen.insert(seen.end(), blocks.begin(), blocks.end());
      std::thread([&] {
        for (void* block : blocks) pool_free(block, 333);
      }).join();
    }
    std::sort(seen.begin(), seen.end());
    const auto different = std::unique(seen.begin(), seen.end()) - seen.begin();
    QVERIFY2(different <= 1200, std::to_string(different).c_str());
    pool_free(nullptr, 10);
  }

  void threads_share_without_harm() {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        std::vector<Tensor> kept;
        for (int i = 0; i < 3000; ++i) {
          const Tensor x = full({(i * 7 + t) % 3000 + 1}, t);
          if (i % 3 == 0) kept.push_back(x);
          if (kept.size() > 20) kept.erase(kept.begin());
          QVERIFY(x.data<float>()[x.numel() - 1] == float(t));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void creation() {
    const Tensor x = full({2, 3}, 1.5, DType::Float64);
    QCOMPARE(describe(x), std::string("float64 2×3"));
    QCOMPARE(x.data<double>()[5], 1.5);
    QCOMPARE(zeros({}).item(), 0.0);
    QCOMPARE(empty_like(x).sizes(), x.sizes());
    const std::vector<int64_t> values{1, 2, 3, 4};
    const Tensor t = tensor_of(std::span<const int64_t>(values), {2, 2});
    QCOMPARE(t.data<int64_t>()[3], int64_t{4});
    QVERIFY(!error_of([&] { tensor_of(std::span<const int64_t>(values), {3}); }).empty());

    const Tensor turned = t.as_strided({2, 2}, {1, 2}, 0);
    QVERIFY(!raw::contiguous(turned).is_same(turned));
    QCOMPARE(raw::contiguous(turned).data<int64_t>()[1], int64_t{3});
    QVERIFY(raw::contiguous(t).is_same(t));
    QVERIFY(raw::to(t, DType::Int64).is_same(t));

    const uint32_t version = t.storage()->version();
    raw::copy_(t, full({2}, 9, DType::Float32));  // broadcast and converted
    QCOMPARE(t.data<int64_t>()[2], int64_t{9});
    QVERIFY(t.storage()->version() > version);
    QVERIFY(!error_of([&] { raw::expand(t, {3, 2}); }).empty());
    QVERIFY(!error_of([&] { raw::expand(t, {2}); }).empty());
  }

  void meta_has_shapes_and_no_numbers() {
    const Tensor x = empty({int64_t{1} << 40, 64}, DType::Float32, kMeta);
    QVERIFY(x.raw() == nullptr);
    const Tensor y = empty({int64_t{1} << 40, 10}, DType::Float32, kMeta);
    kernels_of(x).linear(x, empty({10, 64}, DType::Float32, kMeta), {}, y);
    kernels_of(x).unary(UnaryOp::Relu, x, x);
    QCOMPARE(raw::to(zeros({3}), kMeta).device(), kMeta);
    QVERIFY(error_of([&] { raw::to(y, kCpu); }).starts_with("[copy] a meta tensor has no numbers"));
  }

  void devices_without_a_backend() {
    const std::string text =
        error_of([] { empty({1}, DType::Float32, device_from_string("cuda:0")); });
    QVERIFY2(text.starts_with("[device] cuda:0 needs the CUDA plugin"), text.c_str());
    QVERIFY_THROWS_EXCEPTION(InternalError, register_backend(DeviceType::Cpu, backend_of(kCpu)));
  }
};

QTEST_GUILESS_MAIN(TestMemory)
#include "test_memory.moc"
