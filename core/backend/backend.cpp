#include "core/backend/backend.h"

#include <array>
#include <atomic>

#include "core/backend/cpu/cpu_backend.h"
#include "core/backend/meta/meta_backend.h"

namespace nw {
namespace {

/// The backends that are there, by device type.
struct Slots {
  std::array<std::atomic<Backend*>, kDeviceTypeCount> backends{};

  Slots() {
    backends[static_cast<size_t>(DeviceType::Cpu)] = &cpu::cpu_backend();
    backends[static_cast<size_t>(DeviceType::Meta)] = &meta::meta_backend();
  }
};

std::atomic<Backend*>& slot(DeviceType type) {
  static Slots slots;
  return slots.backends[static_cast<size_t>(type)];
}

void check_index(const Backend& backend, Device device) {
  const int count = backend.device_count();
  if (device.index < count) [[likely]]
    return;
  const std::string why = count == 0
                              ? backend.missing()
                              : concat("this machine shows ", count, count == 1 ? " GPU" : " GPUs",
                                       ", the first is cuda:0");
  throw Error(concat("[device] ", to_string(device), " is not there: ", why));
}

}  // namespace

Backend& backend_of(Device device) {
  Backend* backend = slot(device.type).load(std::memory_order_acquire);
  NW_CHECK(backend != nullptr, "[device] ", to_string(device),
           " needs the CUDA plugin, which is not loaded; install it or choose the device cpu");
  if (device.type == DeviceType::Cuda) check_index(*backend, device);
  return *backend;
}

Backend* find_backend(DeviceType type) {
  return slot(type).load(std::memory_order_acquire);
}

const Kernels& kernels_of(const Tensor& tensor) {
  return backend_of(tensor.device()).kernels();
}

void register_backend(DeviceType type, Backend& backend) {
  Backend* expected = nullptr;
  NW_ASSERT(slot(type).compare_exchange_strong(expected, &backend) &&
            "two backends for one type of device");
}

}  // namespace nw
