#pragma once

namespace nw {

namespace detail {
template <auto kEntry>
struct KernelOf;
template <typename Group, typename... Arguments, void (*Group::*kEntry)(Arguments...)>
struct KernelOf<kEntry> {
  using type = void(Arguments...);
};
}  // namespace detail

/// The type of the functions that an entry of a table points to. `KernelOf<&Kernels::fill> fill;`
/// declares a function of this name.
template <auto kEntry>
using KernelOf = typename detail::KernelOf<kEntry>::type;

}  // namespace nw
