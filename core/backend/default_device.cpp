#include "core/backend/creation.h"

namespace nw {

namespace {
thread_local Device current_default = kCpu;
}  // namespace

Device default_device() {
  return current_default;
}

DeviceGuard::DeviceGuard(Device device) : before_(current_default) {
  current_default = device;
}

DeviceGuard::~DeviceGuard() {
  current_default = before_;
}

}  // namespace nw
