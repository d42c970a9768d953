#include "core/backend/cpu/cpu_backend.h"

#include "core/backend/cpu/caching_allocator.h"
#include "core/backend/cpu/kernels.h"

namespace nw::cpu {
namespace {

constexpr Kernels kKernels{
    .fill = fill,
    .copy = copy,
    .unary = unary,
    .binary = binary,
    .affine = affine,
    .axpy = axpy,
    .sum = sum,
    .argmax = argmax,
    .matmul = matmul,
    .linear = linear,
    .conv = conv,
    .conv_grad_input = conv_grad_input,
    .conv_grad_weight = conv_grad_weight,
    .max_pool = max_pool,
    .max_pool_grad = max_pool_grad,
    .avg_pool = avg_pool,
    .avg_pool_grad = avg_pool_grad,
    .softmax = softmax,
    .softmax_grad = softmax_grad,
    .nll = nll,
    .nll_grad = nll_grad,
    .cross_entropy = cross_entropy,
    .uniform = uniform,
    .bernoulli = bernoulli,
    .sgd = sgd,
    .adam = adam,
};

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  Allocator& allocator(Device) override { return caching_allocator(); }
  const Kernels& kernels() const override { return kKernels; }
  void synchronize(Device) override {}
};

}  // namespace

Backend& cpu_backend() {
  static CpuBackend& backend = *new CpuBackend;  // outlives every tensor
  return backend;
}

}  // namespace nw::cpu
