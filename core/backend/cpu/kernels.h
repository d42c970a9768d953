#pragma once

#include "core/backend/backend.h"
#include "core/backend/kernel_of.h"

/// The CPU's entries of the kernel table; their contracts stand in core/backend/backend.h.
namespace nw::cpu {

KernelOf<&Kernels::fill> fill;
KernelOf<&Kernels::copy> copy;

KernelOf<&Kernels::unary> unary;
KernelOf<&Kernels::binary> binary;
KernelOf<&Kernels::where> where;
KernelOf<&Kernels::affine> affine;
KernelOf<&Kernels::axpy> axpy;

KernelOf<&Kernels::sum> sum;
KernelOf<&Kernels::reduce> reduce;
KernelOf<&Kernels::extreme> extreme;
KernelOf<&Kernels::scan> scan;

KernelOf<&Kernels::matmul> matmul;
KernelOf<&Kernels::bmm> bmm;
KernelOf<&Kernels::linear> linear;

KernelOf<&Kernels::conv> conv;
KernelOf<&Kernels::conv_grad_input> conv_grad_input;
KernelOf<&Kernels::conv_grad_weight> conv_grad_weight;
KernelOf<&Kernels::max_pool> max_pool;
KernelOf<&Kernels::max_pool_grad> max_pool_grad;
KernelOf<&Kernels::avg_pool> avg_pool;
KernelOf<&Kernels::avg_pool_grad> avg_pool_grad;

KernelOf<&Kernels::softmax> softmax;
KernelOf<&Kernels::softmax_grad> softmax_grad;

KernelOf<&Kernels::nll> nll;
KernelOf<&Kernels::nll_grad> nll_grad;
KernelOf<&Kernels::cross_entropy> cross_entropy;

KernelOf<&Kernels::arange> arange;
KernelOf<&Kernels::linspace> linspace;

KernelOf<&Kernels::uniform> uniform;
KernelOf<&Kernels::bernoulli> bernoulli;
KernelOf<&Kernels::bernoulli_each> bernoulli_each;
KernelOf<&Kernels::normal> normal;
KernelOf<&Kernels::randint> randint;

}  // namespace nw::cpu
