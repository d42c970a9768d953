#include "core/backend/fallback.h"

#include <bit>
#include <cstring>
#include <mutex>
#include <tuple>
#include <vector>

#include "core/backend/cpu/cpu_backend.h"
#include "core/backend/creation.h"
#include "core/backend/kernel_table.h"
#include "core/base/warning.h"

namespace nw {
namespace {

using namespace kernel_table;

/// Kernels that front code does without where they are null.
bool is_optional(const std::string& name) {
  return name == "cross_entropy" || name == "attention" || name.starts_with("attention.") ||
         name == "chain" || name.starts_with("chain.") || name.starts_with("recurrent.stack_");
}

// --- what is known of the one backend that has fallbacks ---

Kernels native_table;
KernelHooks native_hooks;

std::mutex counts_mutex;
std::map<std::string, uint64_t>& counts() {
  static std::map<std::string, uint64_t>& all = *new std::map<std::string, uint64_t>;
  return all;
}

void count_fallback(Device device, const char* kernel) {
  bool first = false;
  {
    const std::lock_guard lock(counts_mutex);
    first = counts()[kernel]++ == 0;
  }
  if (first) {
    warn(concat(backend_of(device).name(), ": no kernel yet for ", kernel,
                ": computed on the CPU, which is slow"));
  }
}

// --- tensors of a device and their twins on the CPU ---

/// Uninitialised memory in which the elements lie as in `like` where that is dense, else row-major.
Tensor laid_out_as(const Tensor& like, Device device) {
  const Tensor flat = empty(Dims{like.numel()}, like.dtype(), device);
  const bool dense = is_dense_any_order(like.sizes(), like.strides());
  return flat.as_strided(like.sizes(), dense ? like.strides() : contiguous_strides(like.sizes()),
                         0);
}

size_t bytes_of(const Tensor& tensor) {
  return static_cast<size_t>(tensor.numel()) * item_bytes(tensor.dtype());
}

/// The tensors of one call. Which of them a kernel writes is seen by comparing.
class Twins {
 public:
  Tensor host_of(const Tensor& tensor) {
    if (!tensor.defined() || tensor.device().type == DeviceType::Cpu) return tensor;
    device_ = tensor.device();
    Twin twin{tensor, laid_out_as(tensor, kCpu), {}};
    if (tensor.numel() > 0) fetch(twin);
    return twins_.emplace_back(std::move(twin)).host;
  }

  void give_back() const {
    for (const Twin& twin : twins_) {
      if (twin.before.empty()) continue;
      if (std::memcmp(twin.before.data(), twin.host.raw(), twin.before.size()) != 0) send(twin);
    }
  }

  Device device() const { return device_; }

 private:
  struct Twin {
    Tensor tensor, host;
    std::vector<std::byte> before;
  };

  static bool is_dense(const Tensor& tensor) {
    return is_dense_any_order(tensor.sizes(), tensor.strides());
  }

  static void fetch(Twin& twin) {
    Tensor dense = twin.tensor;
    if (!is_dense(dense)) {
      dense = laid_out_as(twin.tensor, twin.tensor.device());
      kernels_of(dense).copy(twin.tensor, dense);
    }
    const size_t bytes = bytes_of(dense);
    backend_of(dense.device())
        .transfer({dense.raw(), dense.device(), twin.host.raw(), kCpu, bytes});
    const auto* start = static_cast<const std::byte*>(twin.host.raw());
    twin.before.assign(start, start + bytes);
  }

  static void send(const Twin& twin) {
    const bool direct = is_dense(twin.tensor);
    const Tensor dense = direct ? twin.tensor : laid_out_as(twin.host, twin.tensor.device());
    backend_of(dense.device())
        .transfer({twin.host.raw(), kCpu, dense.raw(), dense.device(), twin.before.size()});
    if (!direct) kernels_of(dense).copy(dense, twin.tensor);
  }

  std::vector<Twin> twins_;
  Device device_ = kCpu;
};

/// An argument of a kernel with the CPU's tensors in it.
template <typename Argument>
struct Stand {
  Argument value;
  Stand(Argument given, Twins&) : value(static_cast<Argument>(given)) {}
  Argument get() { return static_cast<Argument>(value); }
};

template <>
struct Stand<const Tensor&> {
  Tensor host;
  Stand(const Tensor& given, Twins& twins) : host(twins.host_of(given)) {}
  const Tensor& get() { return host; }
};

template <>
struct Stand<std::span<const Tensor>> {
  std::vector<Tensor> hosts;
  Stand(std::span<const Tensor> given, Twins& twins) {
    for (const Tensor& tensor : given) hosts.push_back(twins.host_of(tensor));
  }
  std::span<const Tensor> get() { return hosts; }
};

template <>
struct Stand<const CtcTargets&> {
  CtcTargets hosts;
  Stand(const CtcTargets& given, Twins& twins)
      : hosts{twins.host_of(given.classes), twins.host_of(given.input_lengths),
              twins.host_of(given.target_lengths), given.blank} {}
  const CtcTargets& get() { return hosts; }
};

// --- the tables ---

/// Where an entry stands in a whole table; null when its group is null.
template <typename Group, size_t kIndex, size_t kSlot>
AnyKernel entry_in(const Kernels& table) {
  if constexpr (kSlot == kNoSlot) {
    return entries_of(table)[kIndex];
  } else {
    const auto* group = reinterpret_cast<const Group*>(entries_of(table)[kSlot]);
    return group == nullptr ? nullptr : entries_of(*group)[kIndex];
  }
}

template <typename Group, size_t kIndex, size_t kSlot>
struct OnCpu {
  template <typename... Arguments>
  static void run(Arguments... arguments) {
    static const auto kernel = reinterpret_cast<void (*)(Arguments...)>(
        entry_in<Group, kIndex, kSlot>(cpu::cpu_backend().kernels()));
    Twins twins;
    // A braced list is worked out from left to right.
    std::tuple<Stand<Arguments>...> stands{Stand<Arguments>(arguments, twins)...};
    count_fallback(twins.device(), names_of<Group>()[kIndex]);
    std::apply([](auto&... stand) { kernel(stand.get()...); }, stands);
    twins.give_back();
  }
};

void find_device(const Tensor& tensor, Device& device) {
  if (device == kCpu && tensor.defined()) device = tensor.device();
}
void find_device(std::span<const Tensor> tensors, Device& device) {
  for (const Tensor& tensor : tensors) find_device(tensor, device);
}
template <typename Argument>
void find_device(const Argument&, Device&) {}

template <typename Group, size_t kIndex, size_t kSlot>
struct Completed {
  template <typename... Arguments>
  static void run(Arguments... arguments) {
    static const auto kernel =
        reinterpret_cast<void (*)(Arguments...)>(entry_in<Group, kIndex, kSlot>(native_table));
    const char* name = names_of<Group>()[kIndex];
    note(name);
    if (kernel == nullptr) {
      return OnCpu<Group, kIndex, kSlot>::template run<Arguments...>(arguments...);
    }
    Device device = kCpu;
    (find_device(arguments, device), ...);
    native_hooks.enter(device, name);
    kernel(static_cast<Arguments>(arguments)...);
    native_hooks.leave(device, name);
  }
};

/// `made` with null for what need not be there and is not in `native`, which may be null.
template <typename Group>
const Group* without_missing(const Group* native, const Group* made) {
  const auto names = names_of<Group>();
  auto entries = entries_of(*made);
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool has = native != nullptr && entries_of(*native)[i] != nullptr;
    if (!has && is_optional(names[i])) entries[i] = nullptr;
  }
  static Group group;  // complete() is called once
  group = std::bit_cast<Group>(entries);
  return &group;
}

template <typename Group>
bool group_has(const Group* group, const std::string& name) {
  const auto names = names_of<Group>();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return group != nullptr && entries_of(*group)[i] != nullptr;
  }
  return false;
}

}  // namespace

const Kernels& complete(const Kernels& native, const KernelHooks& hooks) {
  static Kernels completed;
  NW_ASSERT(native_table.fill == nullptr && "only one backend can have fallbacks");
  NW_ASSERT(native.fill != nullptr && native.copy != nullptr && hooks.enter && hooks.leave);
  native_table = native;
  native_hooks = hooks;
  completed = kMade<Completed>;
  if (native.cross_entropy == nullptr) completed.cross_entropy = nullptr;
  if (native.attention == nullptr) completed.attention = nullptr;
  if (native.chain == nullptr) completed.chain = nullptr;
  completed.recurrent = without_missing(native.recurrent, completed.recurrent);
  return completed;
}

const Kernels& fallback_kernels() {
  return kMade<OnCpu>;
}

bool has_native_kernel(const std::string& name) {
  const Kernels& table = native_table;
  return is_optional(name) || group_has(&table, name) || group_has(table.activation, name) ||
         group_has(table.index, name) || group_has(table.norm, name) ||
         group_has(table.recurrent, name) || group_has(table.resample, name) ||
         group_has(table.loss, name) || group_has(table.optimizer, name) ||
         group_has(table.attention, name) || group_has(table.chain, name);
}

std::map<std::string, uint64_t> fallback_counts() {
  const std::lock_guard lock(counts_mutex);
  return counts();
}

}  // namespace nw
