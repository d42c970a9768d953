#include "core/backend/meta/meta_backend.h"

#include <type_traits>
#include <utility>

namespace nw::meta {
namespace {

/// Turns into a function of whatever signature is asked for, which does nothing.
struct Nothing {
  template <typename... Arguments>
  using Function = void (*)(Arguments...);
  template <typename... Arguments>
  constexpr operator Function<Arguments...>() const {
    return [](Arguments...) {};
  }
};

/// A table with Nothing in every entry, however many there are.
template <size_t... kEntries>
constexpr Kernels make_table(std::index_sequence<kEntries...>) {
  return Kernels{(static_cast<void>(kEntries), Nothing())...};
}

constexpr size_t kEntryBytes = sizeof(void (*)());
static_assert(std::is_aggregate_v<Kernels> && sizeof(Kernels) % kEntryBytes == 0);
constexpr Kernels kKernels = make_table(std::make_index_sequence<sizeof(Kernels) / kEntryBytes>());

class NoMemory final : public Allocator {
 public:
  void* allocate(size_t) override { return nullptr; }
  void free(void*, size_t) noexcept override {}
};

class MetaBackend final : public Backend {
 public:
  std::string_view name() const override { return "meta"; }
  Allocator& allocator(Device) override { return memory_; }
  const Kernels& kernels() const override { return kKernels; }
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
