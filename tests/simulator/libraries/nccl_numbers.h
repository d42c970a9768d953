#pragma once

#include <nccl.h>

#include <cstddef>
#include <vector>

namespace nw::simulated::comm {

/// 0: no type of NCCL's that is computed with here.
size_t bytes_of(ncclDataType_t type);

/// Puts together what the ranks gave, rank after rank, so that all get the same bits. Half numbers
/// are rounded at each step, as on the ring; an average is a sum of shares.
std::vector<char> reduced(ncclDataType_t type, ncclRedOp_t operation,
                          const std::vector<const char*>& ranks, size_t count);

}  // namespace nw::simulated::comm
