#include "tests/support/recording_device.h"

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "core/backend/kernel_table.h"
#include "core/base/error.h"
#include "core/base/random.h"

namespace nw::test {
namespace {

using namespace kernel_table;

constexpr int kGarbage = 0xFF;  // as a number: NaN

/// What one recording, or all that is not recorded, is given memory from.
using Pool = std::map<size_t, std::vector<char*>>;

/// A recording that is being made.
struct Recorder {
  std::shared_ptr<Pool> pool;
  std::vector<std::function<void()>> work;
};

thread_local Recorder* recorder = nullptr;
bool can_record = true;
std::atomic<int64_t> made = 0;
std::atomic<int64_t> replayed = 0;

void refuse(const char* what) {
  NW_CHECK(recorder == nullptr, "[recording device] cannot record ", what);
}

void queue(std::function<void()> work) {
  if (recorder == nullptr) return work();
  recorder->work.push_back(std::move(work));
}

class PooledMemory final : public Allocator {
 public:
  void* allocate(size_t bytes) override {
    const std::lock_guard lock(mutex_);
    const size_t size = rounded(bytes);
    const std::shared_ptr<Pool> pool = recorder != nullptr ? recorder->pool : common_;
    std::vector<char*>& kept = (*pool)[size];
    char* memory = nullptr;
    if (kept.empty()) {
      memory = static_cast<char*>(std::aligned_alloc(64, size));
      std::memset(memory, kGarbage, size);
    } else {
      memory = kept.back();
      kept.pop_back();
    }
    pools_[memory] = pool;
    return memory;
  }
  void free(void* memory, size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    auto* start = static_cast<char*>(memory);
    std::memset(start, kGarbage, rounded(bytes));
    const auto pool = pools_.extract(start);
    (*pool.mapped())[rounded(bytes)].push_back(start);
  }
  void read(const void* from, size_t bytes, void* to) const override {
    refuse("numbers on the host");
    std::memcpy(to, from, bytes);
  }

 private:
  static size_t rounded(size_t bytes) { return (std::max<size_t>(bytes, 1) + 63) / 64 * 64; }

  std::mutex mutex_;
  std::shared_ptr<Pool> common_ = std::make_shared<Pool>();
  std::map<char*, std::shared_ptr<Pool>> pools_;
};

PooledMemory& memory() {
  static auto& one = *new PooledMemory;
  return one;
}

/// An argument of a kernel as it is kept until the kernel runs.
template <typename Argument>
struct Kept {
  std::decay_t<Argument> value;
  explicit Kept(const std::decay_t<Argument>& given) : value(given) {}
  std::decay_t<Argument>& get() { return value; }
};

/// The addresses of a tensor, seen as the CPU's; does not keep its memory.
template <>
struct Kept<const Tensor&> {
  explicit Kept(const Tensor& given) {
    if (given.defined()) tensor = seen_by_host(given);
  }
  const Tensor& get() { return tensor; }

  Tensor tensor;
};

template <>
struct Kept<std::span<const Tensor>> {
  explicit Kept(std::span<const Tensor> given) {
    for (const Tensor& one : given) tensors.push_back(kept.emplace_back(one).get());
  }
  std::span<const Tensor> get() { return tensors; }

  std::vector<Kept<const Tensor&>> kept;
  std::vector<Tensor> tensors;
};

/// The place in the stream of random numbers, which a recording finds when it is replayed.
template <>
struct Kept<Generator&> {
  explicit Kept(Generator& generator) : place(generator.philox(4)) {}
  Generator& get() {
    const bool recorded = place.base != nullptr;
    drawn.manual_seed((recorded ? place.base[1] : place.seed) * 31 + place.offset +
                      (recorded ? place.base[0] : 0));
    return drawn;
  }

  Generator::Philox place;
  Generator drawn;
};

template <typename Group, size_t kIndex, size_t kSlot>
AnyKernel cpu_entry() {
  const Kernels& cpu = backend_of(kCpu).kernels();
  if constexpr (kSlot == kNoSlot) {
    return entries_of(cpu)[kIndex];
  } else {
    return entries_of(*reinterpret_cast<const Group*>(entries_of(cpu)[kSlot]))[kIndex];
  }
}

template <typename Group, size_t kIndex, size_t kSlot>
struct Queued {
  template <typename... Arguments>
  static void run(Arguments... arguments) {
    static const auto kernel =
        reinterpret_cast<void (*)(Arguments...)>(cpu_entry<Group, kIndex, kSlot>());
    auto kept = std::make_shared<std::tuple<Kept<Arguments>...>>(
        Kept<Arguments>(static_cast<Arguments>(arguments))...);
    queue([kept] {
      std::apply([](auto&... one) { kernel(static_cast<Arguments>(one.get())...); }, *kept);
    });
  }
};

class Recording final : public Captured {
 public:
  Recording(Generator& generator, const Captured* after, const std::function<void()>& work) {
    pool_ =
        after == nullptr ? std::make_shared<Pool>() : dynamic_cast<const Recording&>(*after).pool_;
    Recorder own{pool_, {}};
    const Generator before = generator;
    generator.begin_philox_base(place_.data());
    recorder = &own;
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    recorder = nullptr;
    numbers_ = generator.end_philox_base();
    if (failure == nullptr && !(generator == before)) {
      failure = std::make_exception_ptr(Error("[recording device] random numbers of the host"));
    }
    if (failure != nullptr) {
      generator = before;
      std::rethrow_exception(failure);
    }
    work_ = std::move(own.work);
    ++made;
  }

  void replay(Generator& generator) override {
    place_ = {generator.philox_offset(), generator.initial_seed()};
    generator.set_philox_offset(place_[0] + numbers_);
    for (const auto& one : work_) one();
    ++replayed;
  }

 private:
  std::shared_ptr<Pool> pool_;
  std::array<uint64_t, 2> place_{};
  uint64_t numbers_ = 0;
  std::vector<std::function<void()>> work_;
};

class Done final : public Event {
 public:
  bool done() const override { return true; }
  void wait() override { refuse("waiting"); }
  void follow() override {}
};

class RecordingDevice final : public Backend {
 public:
  std::string_view name() const override { return "recording"; }
  int device_count() const override { return 1; }
  std::string missing() const override { return {}; }
  DeviceFacts facts(Device) const override { return {"a device that records", 9, 0}; }
  Allocator& allocator(Device) override { return test::memory(); }
  Allocator& host_allocator() override { return backend_of(kCpu).allocator(kCpu); }
  MemoryUse memory(Device) const override { return {}; }
  void reset_peak(Device) override {}
  void empty_cache(Device) override { refuse("giving back memory"); }
  const Kernels& kernels() const override { return kernels_; }
  void transfer(const Transfer& transfer) override {
    const bool inside = transfer.from_device == transfer.to_device;
    if (!inside) refuse("a copy from or to the host");
    queue([transfer] { std::memcpy(transfer.to, transfer.from, transfer.bytes); });
  }
  std::unique_ptr<Event> mark(Device) override { return std::make_unique<Done>(); }
  std::unique_ptr<Aside> aside(Device) override { return std::make_unique<Aside>(); }
  bool can_capture() const override { return can_record; }
  std::unique_ptr<Captured> capture(Device, Generator& generator, const Captured* after,
                                    const std::function<void()>& work) override {
    return std::make_unique<Recording>(generator, after, work);
  }
  void synchronize(Device) override { refuse("waiting"); }

 private:
  /// What the CPU has not, and need not have, is not there either.
  static Kernels made() {
    static RecurrentKernels recurrent = *kMade<Queued>.recurrent;
    recurrent.stack_forward = nullptr;
    recurrent.stack_backward = nullptr;
    Kernels kernels = kMade<Queued>;
    kernels.recurrent = &recurrent;
    return kernels;
  }

  Kernels kernels_ = made();
};

/// Memory that is there already.
class Given final : public Allocator {
 public:
  explicit Given(void* start) : start_(start) {}
  void* allocate(size_t) override { return start_; }
  void free(void*, size_t) noexcept override { delete this; }  // its one tensor is gone

 private:
  void* start_;
};

}  // namespace

void do_or_record(std::function<void()> work) {
  queue(std::move(work));
}

Tensor seen_by_host(const Tensor& tensor) {
  auto& memory = *new Given(tensor.storage()->data());
  return Tensor(make_ref<Storage>(kCpu, tensor.storage()->bytes(), memory), tensor.sizes(),
                tensor.strides(), tensor.offset(), tensor.dtype());
}

Backend& recording_device() {
  static Backend& backend = []() -> Backend& {
    auto& one = *new RecordingDevice;
    register_backend(DeviceType::Cuda, one);
    return one;
  }();
  return backend;
}

void set_can_record(bool can) {
  can_record = can;
}

int64_t recordings_made() {
  return made;
}

int64_t recordings_replayed() {
  return replayed;
}

}  // namespace nw::test
