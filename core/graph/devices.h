#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/device.h"

namespace nw::graph {

/// The devices that a run's setting names, one for each of its processes: "cpu", "cuda:1",
/// "cuda:0, cuda:1", "cpu*4" (four processes on the CPU). Throws Error with a remedy for anything
/// else, for devices of two kinds, and for a GPU that is named twice. Looks at no hardware.
std::vector<Device> devices_of(std::string_view setting);
/// The shortest setting that names them: "cpu*4".
std::string setting_of(const std::vector<Device>& devices);

}  // namespace nw::graph
