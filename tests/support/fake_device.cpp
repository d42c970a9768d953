#include "tests/support/fake_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "core/backend/fallback.h"
#include "core/backend/out_of_memory.h"
#include "core/base/error.h"

namespace nw::test {
namespace {

constexpr size_t kRoomBytes = size_t{1} << 36;  // of addresses; memory comes as it is written
constexpr int kDevices = 2;
constexpr int kGarbage = 0xFF;  // as a number: NaN

/// One stretch of memory at two addresses: that of the device, where nobody may touch it, and that
/// by which the device's own kernels reach it.
class Room {
 public:
  Room() {
    const int file = memfd_create("fake device", 0);
    if (file < 0 || ftruncate(file, kRoomBytes) != 0) fail("memfd_create");
    device_ = map(file, PROT_NONE);
    inside_ = map(file, PROT_READ | PROT_WRITE);
    close(file);
  }

  char* start() const { return device_; }
  /// Where the device's kernels find what lies at an address of the device.
  void* inside(const void* address) const {
    const auto* at = static_cast<const char*>(address);
    NW_ASSERT(holds(at));
    return inside_ + (at - device_);
  }
  bool holds(const void* address) const {
    const auto* at = static_cast<const char*>(address);
    return at >= device_ && at < device_ + kRoomBytes;
  }

 private:
  static char* map(int file, int protection) {
    void* memory = mmap(nullptr, kRoomBytes, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return static_cast<char*>(memory);
  }
  [[noreturn]] static void fail(const char* what) {
    std::perror(what);
    std::abort();
  }

  char* device_;
  char* inside_;
};

Room& room() {
  static Room& one = *new Room;
  return one;
}

std::atomic<uint64_t> bytes_moved{0};
std::atomic<bool> mistaken{false};

class FakeMemory final : public Allocator {
 public:
  void* allocate(size_t bytes) override {
    const std::lock_guard lock(mutex_);
    const size_t size = rounded(bytes);
    const size_t left = limit_ - std::min(limit_, used_);
    if (size > left) {
      throw OutOfMemory(
          concat("[memory] ", bytes, " bytes are needed on the fake device, ", left, " are free"),
          bytes, left);
    }
    used_ += size;
    peak_ = std::max(peak_, used_);
    char* memory = nullptr;
    std::vector<char*>& kept = free_[size];
    if (kept.empty()) {
      memory = room().start() + next_;
      next_ += size;
    } else {
      memory = kept.back();
      kept.pop_back();
    }
    std::memset(room().inside(memory), kGarbage, size);
    return memory;
  }
  void free(void* memory, size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    used_ -= rounded(bytes);
    free_[rounded(bytes)].push_back(static_cast<char*>(memory));
  }
  void read(const void* from, size_t bytes, void* to) const override {
    std::memcpy(to, room().inside(from), bytes);
  }

  MemoryUse use() const {
    const std::lock_guard lock(mutex_);
    return {limit_, limit_ - std::min(limit_, used_), used_, used_, peak_};
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = used_;
  }
  void limit(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

 private:
  static size_t rounded(size_t bytes) { return (std::max<size_t>(bytes, 1) + 63) / 64 * 64; }

  mutable std::mutex mutex_;
  std::map<size_t, std::vector<char*>> free_;
  size_t next_ = 0;
  size_t used_ = 0;
  size_t peak_ = 0;
  size_t limit_ = kRoomBytes / 2;
};

FakeMemory& memory_of_fake() {
  static FakeMemory& one = *new FakeMemory;
  return one;
}

/// Memory that is there already.
class Given final : public Allocator {
 public:
  explicit Given(void* memory) : memory_(memory) {}
  void* allocate(size_t) override { return memory_; }
  void free(void*, size_t) noexcept override {}

 private:
  void* memory_;
};

/// A tensor of the device as its own kernels see it.
class Inside {
 public:
  explicit Inside(const Tensor& tensor)
      : memory_(room().inside(tensor.storage()->data())),
        seen_(make_ref<Storage>(kCpu, tensor.storage()->bytes(), memory_), tensor.sizes(),
              tensor.strides(), tensor.offset(), tensor.dtype()) {}
  operator const Tensor&() const { return seen_; }

 private:
  Given memory_;
  Tensor seen_;
};

const Kernels& cpu() {
  return backend_of(kCpu).kernels();
}

Kernels own_kernels() {
  Kernels own{};
  own.fill = [](const Tensor& out, const Scalar& value) { cpu().fill(Inside(out), value); };
  own.copy = [](const Tensor& in, const Tensor& out) { cpu().copy(Inside(in), Inside(out)); };
  own.unary = [](UnaryOp op, const Tensor& x, const Tensor& out) {
    cpu().unary(op, Inside(x), Inside(out));
  };
  own.binary = [](BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
    cpu().binary(op, Inside(a), Inside(b), Inside(out));
  };
  own.linear = [](const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    if (bias.defined()) {
      cpu().linear(Inside(x), Inside(weight), Inside(bias), Inside(y));
    } else {
      cpu().linear(Inside(x), Inside(weight), {}, Inside(y));
    }
    if (mistaken) cpu().unary(UnaryOp::Neg, Inside(y), Inside(y));
  };
  return own;
}

void expect_device(Device device, const char*) {
  NW_ASSERT(device.type == DeviceType::Cuda && device.index < kDevices);
}

class Done final : public Event {
 public:
  bool done() const override { return true; }
  void wait() override {}
  void follow() override {}
};

class FakeGpus final : public Backend {
 public:
  FakeGpus() : kernels_(complete(own_kernels(), {expect_device, expect_device})) {}

  std::string_view name() const override { return "fake"; }
  int device_count() const override { return kDevices; }
  std::string missing() const override { return {}; }
  DeviceFacts facts(Device) const override { return {"a fake device", 9, 0}; }
  Allocator& allocator(Device device) override {
    NW_CHECK(device.index < kDevices, "[device] there are ", kDevices, " devices, no ",
             to_string(device));
    return memory_of_fake();
  }
  Allocator& host_allocator() override { return backend_of(kCpu).allocator(kCpu); }
  MemoryUse memory(Device) const override { return memory_of_fake().use(); }
  void reset_peak(Device) override { memory_of_fake().reset_peak(); }
  void empty_cache(Device) override {}
  const Kernels& kernels() const override { return kernels_; }
  void transfer(const Transfer& transfer) override {
    const bool from = transfer.from_device.type == DeviceType::Cuda;
    const bool to = transfer.to_device.type == DeviceType::Cuda;
    NW_ASSERT((from || to) && from == room().holds(transfer.from) &&
              to == room().holds(transfer.to));
    std::memcpy(to ? room().inside(transfer.to) : transfer.to,
                from ? room().inside(transfer.from) : transfer.from, transfer.bytes);
    bytes_moved += transfer.bytes;
  }
  std::unique_ptr<Event> mark(Device) override { return std::make_unique<Done>(); }
  std::unique_ptr<Aside> aside(Device) override { return std::make_unique<Aside>(); }
  bool can_capture() const override { return false; }
  std::unique_ptr<Captured> capture(Device, Generator&, const Captured*,
                                    const std::function<void()>&) override {
    throw InternalError("[fake] captures nothing");
  }
  void synchronize(Device) override {}

 private:
  const Kernels& kernels_;
};

}  // namespace

Backend& fake_gpus() {
  static Backend& backend = [&]() -> Backend& {
    auto& made = *new FakeGpus;
    register_backend(DeviceType::Cuda, made);
    return made;
  }();
  return backend;
}

uint64_t fake_bytes_moved() {
  return bytes_moved;
}

void set_fake_mistake(bool wrong) {
  mistaken = wrong;
}

void set_fake_memory(uint64_t bytes) {
  memory_of_fake().limit(bytes);
}

}  // namespace nw::test
