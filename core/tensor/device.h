#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nw {

enum class DeviceType : uint8_t { Cpu, Meta, Cuda };

inline constexpr int kDeviceTypeCount = 3;

/// Where a tensor's numbers live: `cpu`, `cuda:0`, or `meta`, which has shapes and no numbers.
struct Device {
  DeviceType type = DeviceType::Cpu;
  int index = 0;

  friend bool operator==(Device, Device) = default;
};

inline constexpr Device kCpu{DeviceType::Cpu, 0};
inline constexpr Device kMeta{DeviceType::Meta, 0};

/// "cpu", "meta", "cuda:0".
std::string to_string(Device device);
/// The inverse; "cuda" is cuda:0. Throws Error for anything else.
Device device_from_string(std::string_view text);

}  // namespace nw
