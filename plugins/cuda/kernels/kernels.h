#pragma once

#include "core/backend/backend.h"

/// Kernels that run on the device. Their contracts stand in core/backend/backend.h and the headers
/// of the groups; what they have no code for they leave to fallback_kernels().
namespace nw::cuda {

void fill(const Tensor& out, const Scalar& value);
void copy(const Tensor& in, const Tensor& out);

void unary(UnaryOp op, const Tensor& x, const Tensor& out);
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out);
void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& out);
void affine(const Tensor& x, double scale, double shift, const Tensor& out);
void axpy(const Tensor& x, double scale, const Tensor& y);

void sum(const Tensor& x, const Tensor& out);
void reduce(ReduceOp op, const Tensor& x, const Tensor& out);
void extreme(ReduceOp op, const Tensor& x, const Tensor& values, const Tensor& indices);
void scan(ReduceOp op, const Tensor& x, const Tensor& out);

void matmul(const Tensor& a, const Tensor& b, const Tensor& out);
void bmm(const Tensor& a, const Tensor& b, const Tensor& out);
void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y);

void conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
          const Tensor& y);
void conv_grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                     const Tensor& grad_x);
void conv_grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                      const Tensor& grad_weight, const Tensor& grad_bias);
void max_pool(const Tensor& x, const Window& window, const Tensor& y, const Tensor& indices);
void max_pool_grad(const Tensor& grad, const Tensor& indices, const Tensor& grad_x);
void avg_pool(const Tensor& x, const Window& window, const AvgPoolMode& mode, const Tensor& y);
void avg_pool_grad(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                   const Tensor& grad_x);

void softmax(const Tensor& x, bool logarithm, const Tensor& y);
void softmax_grad(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x);

void nll(const Tensor& log_probs, const Tensor& target, const Tensor& weight, int64_t ignore_index,
         const Tensor& out, const Tensor& weights_out);
void nll_grad(const Tensor& grad, const Tensor& target, const Tensor& weight, int64_t ignore_index,
              const Tensor& grad_log_probs);
void cross_entropy(const Tensor& logits, const Tensor& target, int64_t ignore_index,
                   const Tensor& loss, const Tensor& grad_logits);

void arange(const Scalar& start, const Scalar& step, const Tensor& out);
void linspace(const Scalar& first, const Scalar& last, const Tensor& out);

void uniform(Generator& generator, double from, double to, const Tensor& out);
void bernoulli(Generator& generator, double p, const Tensor& out);
void bernoulli_each(Generator& generator, const Tensor& p, const Tensor& out);
void normal(Generator& generator, double mean, double std, const Tensor& out);
void randint(Generator& generator, int64_t low, int64_t high, const Tensor& out);

void sgd(const SgdStep& step, const Tensor& grad, const Tensor& param, const Tensor& buffer);
void adam(const AdamStep& step, const Tensor& grad, const Tensor& param, const Tensor& exp_avg,
          const Tensor& exp_avg_sq, const Tensor& max_exp_avg_sq);

/// y (N, C, …), dense in any order of dimensions, += bias (C)
void add_to_channels(const Tensor& bias, const Tensor& y);

extern const ActivationKernels kActivationKernels;
extern const IndexKernels kIndexKernels;
extern const RecurrentKernels kRecurrentKernels;
extern const ResampleKernels kResampleKernels;
extern const LossKernels kLossKernels;

}  // namespace nw::cuda
