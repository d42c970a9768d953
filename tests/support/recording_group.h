#pragma once

#include <memory>

#include "core/dist/process_group.h"

namespace nw::test {

/// A group for tensors of recording_device(), whose collectives can be recorded as the device's
/// other work: `inner` exchanges them, when they are queued or in each replay.
std::shared_ptr<dist::ProcessGroup> recording_group(std::shared_ptr<dist::ProcessGroup> inner);

}  // namespace nw::test
