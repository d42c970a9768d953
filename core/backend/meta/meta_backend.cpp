#include "core/backend/meta/meta_backend.h"

#include "core/backend/kernel_table.h"

namespace nw::meta {
namespace {

/// Does nothing, but for noting that it was asked to.
template <typename Group, size_t kIndex, size_t>
struct Nothing {
  template <typename... Arguments>
  static void run(Arguments...) {
    kernel_table::note(kernel_table::names_of<Group>()[kIndex]);
  }
};

class NoMemory final : public Allocator {
 public:
  void* allocate(size_t) override { return nullptr; }
  void free(void*, size_t) noexcept override {}
};

class NoWork final : public Event {
 public:
  bool done() const override { return true; }
  void wait() override {}
  void follow() override {}
};

class MetaBackend final : public Backend {
 public:
  std::string_view name() const override { return "meta"; }
  int device_count() const override { return 1; }
  std::string missing() const override { return {}; }
  DeviceFacts facts(Device) const override { return {"meta"}; }

  Allocator& allocator(Device) override { return memory_; }
  Allocator& host_allocator() override { return memory_; }
  MemoryUse memory(Device) const override { return {}; }
  void reset_peak(Device) override {}
  void empty_cache(Device) override {}

  const Kernels& kernels() const override { return kernel_table::kMade<Nothing>; }
  void transfer(const Transfer&) override {}
  std::unique_ptr<Event> mark(Device) override { return std::make_unique<NoWork>(); }
  std::unique_ptr<Aside> aside(Device) override { return std::make_unique<Aside>(); }
  bool can_capture() const override { return false; }
  std::unique_ptr<Captured> capture(Device, Generator&, const Captured*,
                                    const std::function<void()>&) override {
    throw InternalError("[meta] captures nothing");
  }
  void synchronize(Device) override {}

 private:
  NoMemory memory_;
};

}  // namespace

Backend& meta_backend() {
  static MetaBackend& backend = *new MetaBackend;  // outlives every tensor
  return backend;
}

}  // namespace nw::meta
