#pragma once

#include "core/backend/backend.h"

namespace nw::cuda {

/// Fills in how many floating-point operations per second a GPU of this compute capability does at
/// most, from its number of multiprocessors and its clock; 0 for capabilities that are not known.
/// Source: NVIDIA, "CUDA C++ Programming Guide", arithmetic throughput; the architectures' papers.
void set_peak(DeviceFacts& facts, int processors, double hertz);

}  // namespace nw::cuda
