#pragma once

#include "core/backend/backend.h"
#include "core/backend/kernel_of.h"
#include "core/backend/norm_kernels.h"

/// Kernels that ask cuDNN where it gives what PyTorch gives. The rest, and all where cuDNN is
/// missing, they leave to the kernels of the same names in plugins/cuda/kernels/kernels.h.
namespace nw::cuda::with_cudnn {

KernelOf<&NormKernels::batch_norm> batch_norm;
KernelOf<&NormKernels::batch_norm_grad> batch_norm_grad;
KernelOf<&NormKernels::batch_norm_fixed> batch_norm_fixed;

KernelOf<&Kernels::max_pool> max_pool;
KernelOf<&Kernels::avg_pool> avg_pool;
KernelOf<&Kernels::avg_pool_grad> avg_pool_grad;

KernelOf<&Kernels::softmax> softmax;
KernelOf<&Kernels::softmax_grad> softmax_grad;

}  // namespace nw::cuda::with_cudnn
