#include "core/backend/meta/meta_backend.h"

#include <type_traits>
#include <utility>

#include "core/backend/activation_kernels.h"
#include "core/backend/attention_kernels.h"
#include "core/backend/index_kernels.h"
#include "core/backend/loss_kernels.h"
#include "core/backend/norm_kernels.h"
#include "core/backend/recurrent_kernels.h"
#include "core/backend/resample_kernels.h"

namespace nw::meta {
namespace {

/// Turns into a function of whatever signature is asked for, which does nothing, or into a whole
/// group of such functions.
struct Nothing {
  template <typename... Arguments>
  using Function = void (*)(Arguments...);
  template <typename... Arguments>
  constexpr operator Function<Arguments...>() const {
    return [](Arguments...) {};
  }
  template <typename Group>
  requires std::is_class_v<Group>
  constexpr operator const Group*() const;
};

template <typename Group, size_t... kEntries>
constexpr Group fill_table(std::index_sequence<kEntries...>) {
  return Group{(static_cast<void>(kEntries), Nothing())...};
}

/// A table with Nothing in every entry, however many there are.
template <typename Group>
constexpr Group make_table() {
  constexpr size_t kEntryBytes = sizeof(void (*)());
  static_assert(std::is_aggregate_v<Group> && sizeof(Group) % kEntryBytes == 0);
  return fill_table<Group>(std::make_index_sequence<sizeof(Group) / kEntryBytes>());
}

template <typename Group>
constexpr Group kTable = make_table<Group>();

template <typename Group>
requires std::is_class_v<Group>
constexpr Nothing::operator const Group*() const {
  return &kTable<Group>;
}

class NoMemory final : public Allocator {
 public:
  void* allocate(size_t) override { return nullptr; }
  void free(void*, size_t) noexcept override {}
};

class MetaBackend final : public Backend {
 public:
  std::string_view name() const override { return "meta"; }
  Allocator& allocator(Device) override { return memory_; }
  const Kernels& kernels() const override { return kTable<Kernels>; }
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
