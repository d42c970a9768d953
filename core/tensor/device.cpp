#include "core/tensor/device.h"

#include <charconv>

#include "core/base/error.h"

namespace nw {

std::string to_string(Device device) {
  switch (device.type) {
    case DeviceType::Cpu:
      return "cpu";
    case DeviceType::Meta:
      return "meta";
    case DeviceType::Cuda:
      return concat("cuda:", device.index);
  }
  NW_ASSERT(false);
}

Device device_from_string(std::string_view text) {
  if (text == "cpu") return kCpu;
  if (text == "meta") return kMeta;
  constexpr std::string_view kCuda = "cuda";
  if (text.starts_with(kCuda)) {
    const std::string_view rest = text.substr(kCuda.size());
    if (rest.empty()) return {DeviceType::Cuda, 0};
    int index = 0;
    const auto [end, failure] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), index);
    if (rest.size() > 1 && rest[0] == ':' && failure == std::errc() &&
        end == rest.data() + rest.size() && index >= 0) {
      return {DeviceType::Cuda, index};
    }
  }
  throw Error(concat("[device] expects cpu or cuda:N, gets '", text, "'"));
}

}  // namespace nw
