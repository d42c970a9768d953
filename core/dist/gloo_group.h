#pragma once

#include <memory>

#include "core/dist/process_group.h"

namespace nw::dist {

/// A group of processes that exchange CPU tensors by Gloo over TCP. Waits until all have come.
std::unique_ptr<ProcessGroup> make_gloo_group(const GroupOptions& options);

}  // namespace nw::dist
