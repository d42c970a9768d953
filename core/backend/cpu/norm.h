#pragma once

#include "core/backend/kernel_of.h"
#include "core/backend/norm_kernels.h"

/// The CPU's normalisation; contracts stand in core/backend/norm_kernels.h.
namespace nw::cpu {

extern const NormKernels kNormKernels;

KernelOf<&NormKernels::batch_norm> batch_norm;
KernelOf<&NormKernels::batch_norm_grad> batch_norm_grad;
KernelOf<&NormKernels::batch_norm_fixed> batch_norm_fixed;
KernelOf<&NormKernels::batch_norm_fixed_grad> batch_norm_fixed_grad;
KernelOf<&NormKernels::group_norm> group_norm;
KernelOf<&NormKernels::group_norm_grad> group_norm_grad;
KernelOf<&NormKernels::renorm_rows> renorm_rows;
KernelOf<&NormKernels::bag_rows> bag_rows;
KernelOf<&NormKernels::bag_rows_grad> bag_rows_grad;

}  // namespace nw::cpu
