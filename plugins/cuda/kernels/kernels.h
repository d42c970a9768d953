#pragma once

#include "core/backend/activation_kernels.h"
#include "core/backend/backend.h"
#include "core/backend/chain_kernels.h"
#include "core/backend/index_kernels.h"
#include "core/backend/kernel_of.h"
#include "core/backend/norm_kernels.h"

/// Kernels that run on the device. Their contracts stand in core/backend/backend.h and the headers
/// of the groups; what they have no code for they leave to fallback_kernels().
namespace nw::cuda {

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
KernelOf<&ChainKernels::linear> activated_linear;

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
KernelOf<&ActivationKernels::dropout> dropout;
KernelOf<&ActivationKernels::dropout_grad> dropout_grad;

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

KernelOf<&NormKernels::batch_norm> batch_norm;
KernelOf<&NormKernels::batch_norm_grad> batch_norm_grad;
KernelOf<&NormKernels::batch_norm_fixed> batch_norm_fixed;
KernelOf<&NormKernels::batch_norm_fixed_grad> batch_norm_fixed_grad;
KernelOf<&NormKernels::group_norm> group_norm;
KernelOf<&NormKernels::group_norm_grad> group_norm_grad;
KernelOf<&NormKernels::renorm_rows> renorm_rows;
KernelOf<&NormKernels::bag_rows> bag_rows;
KernelOf<&NormKernels::bag_rows_grad> bag_rows_grad;

/// out (…, M, N) = a (…, M, K) · b (…, K, N) of whole numbers, with any strides
void whole_product(const Tensor& a, const Tensor& b, const Tensor& out);
/// Rows of up to so many numbers softmax holds in the registers of a warp, reading each once.
inline constexpr int kMostInWarp = 1024;
/// batches (int64 scalar) += 1
void count_batch(const Tensor& batches);
/// y (N, C, …), dense in any order of dimensions, += bias (C)
void add_to_channels(const Tensor& bias, const Tensor& y);

extern const ActivationKernels kActivationKernels;
extern const ChainKernels kChainKernels;
extern const IndexKernels kIndexKernels;
extern const RecurrentKernels kRecurrentKernels;
extern const ResampleKernels kResampleKernels;
extern const LossKernels kLossKernels;
extern const OptimizerKernels kOptimizerKernels;

}  // namespace nw::cuda
