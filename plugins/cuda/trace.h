#pragma once

#include <string>

namespace nw::cuda {

/// Notes that a kernel of this name is queued; the name lives as long as the program. Any thread.
void note_kernel(const char* name);
/// The kernels noted last, the newest first: "norm.group_norm, linear, conv". An error of the
/// device is found some calls after the one that made it.
std::string last_kernels();

}  // namespace nw::cuda
