#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "core/backend/activation_kernels.h"
#include "core/backend/attention_kernels.h"
#include "core/backend/backend.h"
#include "core/backend/chain_kernels.h"
#include "core/backend/index_kernels.h"
#include "core/backend/loss_kernels.h"
#include "core/backend/norm_kernels.h"
#include "core/backend/optimizer_kernels.h"
#include "core/backend/recurrent_kernels.h"
#include "core/backend/resample_kernels.h"

/// Tables of kernels that are made entry by entry from the structs themselves, so that a kernel
/// that is added to a struct is in all of them. A table is made of a template
///
///     template <typename Group, size_t kIndex, size_t kSlot>
///     struct Entry {
///       template <typename... Arguments>
///       static void run(Arguments... arguments);
///     };
///
/// whose `run` becomes entry number kIndex of Group; kSlot is the entry of Kernels at which Group
/// hangs, or kNoSlot for those of Kernels itself.
namespace nw::kernel_table {

inline constexpr size_t kNoSlot = std::numeric_limits<size_t>::max();

using AnyKernel = void (*)();

/// How many entries a group has; all are pointers.
template <typename Group>
inline constexpr size_t kEntries = sizeof(Group) / sizeof(AnyKernel);

/// The entries by number; those that are groups, too.
template <typename Group>
std::array<AnyKernel, kEntries<Group>> entries_of(const Group& group) {
  return std::bit_cast<std::array<AnyKernel, kEntries<Group>>>(group);
}

/// "norm.group_norm" for each entry of NormKernels, "conv" for one of Kernels, whose groups have
/// their own names. Read out of the headers while building.
template <typename Group>
std::span<const char* const> names_of();

namespace detail {

template <template <typename, size_t, size_t> class Entry, typename Group, size_t kSlot>
constexpr Group make_table();

template <template <typename, size_t, size_t> class Entry, typename Group, size_t kSlot>
inline constexpr Group kTable = make_table<Entry, Group, kSlot>();

/// Turns into a function of whatever signature is asked for, or into a whole group of them.
template <template <typename, size_t, size_t> class Entry, typename Group, size_t kIndex,
          size_t kSlot>
struct Filler {
  template <typename... Arguments>
  using Function = void (*)(Arguments...);
  template <typename... Arguments>
  constexpr operator Function<Arguments...>() const {
    return &Entry<Group, kIndex, kSlot>::template run<Arguments...>;
  }
  template <typename Other>
  requires std::is_class_v<Other>
  constexpr operator const Other*() const { return &kTable<Entry, Other, kIndex>; }
};

template <template <typename, size_t, size_t> class Entry, typename Group, size_t kSlot,
          size_t... kIndices>
constexpr Group fill_table(std::index_sequence<kIndices...>) {
  return Group{Filler<Entry, Group, kIndices, kSlot>()...};
}

template <template <typename, size_t, size_t> class Entry, typename Group, size_t kSlot>
constexpr Group make_table() {
  static_assert(std::is_aggregate_v<Group> && sizeof(Group) % sizeof(AnyKernel) == 0);
  return fill_table<Entry, Group, kSlot>(std::make_index_sequence<kEntries<Group>>());
}

}  // namespace detail

/// The whole table.
template <template <typename, size_t, size_t> class Entry>
inline constexpr const Kernels& kMade = detail::kTable<Entry, Kernels, kNoSlot>;

/// While it lives, names of the kernels that this thread runs on meta, or on a backend that
/// complete() made, are gathered.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  const std::set<std::string>& names() const { return names_; }

 private:
  friend void note(const char* name);
  std::set<std::string> names_;
  Recording* before_;
};

/// Adds a name to the recording of this thread, if there is one.
void note(const char* name);

}  // namespace nw::kernel_table
