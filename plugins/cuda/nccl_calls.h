#pragma once

#include <nccl.h>

#include <string_view>

#include "core/dist/process_group.h"

namespace nw::cuda {

/// Throws Error for a status that is no success: what was called and what NCCL says.
void check_nccl(ncclResult_t status, const char* call);

/// What NCCL calls a dtype; complex numbers go as their parts, bool as bytes. Throws Error for
/// int16, which it does not know.
ncclDataType_t nccl_type(std::string_view op, DType dtype);
/// How many numbers of that type a tensor has.
size_t nccl_count(const Tensor& tensor);
/// Throws Error for a reduction that the numbers have not.
ncclRedOp_t nccl_reduction(std::string_view op, DType dtype, dist::Reduction reduction);

}  // namespace nw::cuda
