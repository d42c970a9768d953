#pragma once

#include <memory>

#include "core/dist/process_group.h"

namespace nw::cuda {

/// A group over NCCL, one GPU for each rank (options.device). Collectives run on a stream of their
/// own beside the computing; a wait() lets what is queued next come after them. A thread watches
/// them: one that takes longer than the timeout, or that NCCL reports as failed, breaks the group.
/// send and recv run one after the other, for NCCL knows no tags: those of one pair of ranks must
/// come in one order, and of two that send to each other one receives first. Throws Error with a
/// remedy where there is no NCCL, and for a rank without a GPU of its own.
std::unique_ptr<dist::ProcessGroup> make_nccl_group(const dist::GroupOptions& options);

}  // namespace nw::cuda
