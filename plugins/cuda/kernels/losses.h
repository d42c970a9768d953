#pragma once

#include "core/backend/kernel_of.h"
#include "core/backend/loss_kernels.h"

/// The entries of LossKernels that have a file of their own.
namespace nw::cuda {

KernelOf<&LossKernels::ctc> ctc;
KernelOf<&LossKernels::ctc_grad> ctc_grad;
KernelOf<&LossKernels::multi_margin> multi_margin;
KernelOf<&LossKernels::multi_margin_grad> multi_margin_grad;
KernelOf<&LossKernels::multi_label_margin> multi_label_margin;
KernelOf<&LossKernels::multi_label_margin_grad> multi_label_margin_grad;

}  // namespace nw::cuda
