#include "core/backend/attention_kernels.h"
#include "core/backend/resample_kernels.h"
#include "plugins/cuda/cuda_backend.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/with_cudnn.h"

namespace nw::cuda {
namespace {

const NormKernels kNormKernels{
    .batch_norm = with_cudnn::batch_norm,
    .batch_norm_grad = with_cudnn::batch_norm_grad,
    .batch_norm_fixed = with_cudnn::batch_norm_fixed,
    .batch_norm_fixed_grad = batch_norm_fixed_grad,
    .group_norm = group_norm,
    .group_norm_grad = group_norm_grad,
    .renorm_rows = renorm_rows,
    .bag_rows = bag_rows,
    .bag_rows_grad = bag_rows_grad,
};

const Kernels kKernels{
    .fill = fill,
    .copy = copy,
    .unary = unary,
    .binary = binary,
    .where = where,
    .affine = affine,
    .axpy = axpy,
    .sum = sum,
    .reduce = reduce,
    .extreme = extreme,
    .scan = scan,
    .matmul = matmul,
    .bmm = bmm,
    .linear = linear,
    .conv = conv,
    .conv_grad_input = conv_grad_input,
    .conv_grad_weight = conv_grad_weight,
    .max_pool = with_cudnn::max_pool,
    .max_pool_grad = max_pool_grad,
    .avg_pool = with_cudnn::avg_pool,
    .avg_pool_grad = with_cudnn::avg_pool_grad,
    .softmax = with_cudnn::softmax,
    .softmax_grad = with_cudnn::softmax_grad,
    .nll = nll,
    .nll_grad = nll_grad,
    .cross_entropy = cross_entropy,
    .arange = arange,
    .linspace = linspace,
    .uniform = uniform,
    .bernoulli = bernoulli,
    .bernoulli_each = bernoulli_each,
    .normal = normal,
    .randint = randint,
    .activation = &kActivationKernels,
    .index = &kIndexKernels,
    .norm = &kNormKernels,
    .recurrent = &kRecurrentKernels,
    .resample = &kResampleKernels,
    .loss = &kLossKernels,
    .attention = nullptr,
    .optimizer = &kOptimizerKernels,
    .chain = &kChainKernels,
};

}  // namespace

const Kernels& native_kernels() {
  return kKernels;
}

}  // namespace nw::cuda
