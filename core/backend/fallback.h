#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/backend/backend.h"

namespace nw {

/// What a backend wants to happen around each kernel of its own: `device` is that of the first
/// tensor, `kernel` the name of the entry, which lives as long as the program.
struct KernelHooks {
  void (*enter)(Device device, const char* kernel) = nullptr;
  void (*leave)(Device device, const char* kernel) = nullptr;
};

/// `native` with the CPU's kernels where an entry is null: tensors are copied to the CPU, the CPU's
/// kernel runs, and what it changed is copied back; the first time, a warning names the kernel.
/// Kernels that need not be there (backend.h) stay away. Needs fill and copy. To be called once in
/// a program, for a backend that lives as long.
const Kernels& complete(const Kernels& native, const KernelHooks& hooks);

/// Every kernel as the CPU computes it, for tensors of any device: what a kernel calls when it is
/// given tensors that it has no code for.
const Kernels& fallback_kernels();

/// Whether the table that complete() was given has a kernel of this name, or does without it.
bool has_native_kernel(const std::string& name);

/// How often each kernel was computed on the CPU for another device since the start.
std::map<std::string, uint64_t> fallback_counts();

}  // namespace nw
