#pragma once

#include "core/backend/index_kernels.h"
#include "core/backend/kernel_of.h"

/// The CPU's entries of IndexKernels; their contracts stand in core/backend/index_kernels.h.
namespace nw::cpu {

extern const IndexKernels kIndexKernels;

KernelOf<&IndexKernels::index_select> index_select;
KernelOf<&IndexKernels::index_add> index_add;
KernelOf<&IndexKernels::gather> gather;
KernelOf<&IndexKernels::scatter> scatter;
KernelOf<&IndexKernels::offsets> index_offsets;
KernelOf<&IndexKernels::take> take;
KernelOf<&IndexKernels::put> put;
KernelOf<&IndexKernels::masked_fill> masked_fill;
KernelOf<&IndexKernels::count_nonzero> count_nonzero;
KernelOf<&IndexKernels::nonzero> nonzero;
KernelOf<&IndexKernels::triangle> triangle;
KernelOf<&IndexKernels::sort> sort;
KernelOf<&IndexKernels::topk> topk;

}  // namespace nw::cpu
