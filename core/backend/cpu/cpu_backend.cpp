#include "core/backend/cpu/cpu_backend.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/backend/cpu/activation_parts.h"
#include "core/backend/cpu/attention.h"
#include "core/backend/cpu/caching_allocator.h"
#include "core/backend/cpu/chain.h"
#include "core/backend/cpu/index.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/loss_parts.h"
#include "core/backend/cpu/norm.h"
#include "core/backend/cpu/optimizers.h"
#include "core/backend/cpu/recurrent.h"
#include "core/backend/cpu/resample.h"
#include "core/backend/cpu/widen.h"

namespace nw::cpu {
namespace {

constexpr Kernels kKernels{
    .fill = fill,
    .copy = copy,
    .unary = widened<unary, 1>,
    .binary = widened<binary, 1>,
    .where = where,
    .affine = widened<affine, 1>,
    .axpy = widened<axpy, 1, Outputs::Updated>,
    .sum = widened<sum, 1>,
    .reduce = widened<reduce, 1>,
    .extreme = widened<extreme, 2>,
    .scan = widened<scan, 1>,
    .matmul = widened<matmul, 1>,
    .bmm = widened<bmm, 1>,
    .linear = widened<linear, 1>,
    .conv = widened<conv, 1>,
    .conv_grad_input = widened<conv_grad_input, 1>,
    .conv_grad_weight = widened<conv_grad_weight, 2>,
    .max_pool = widened<max_pool, 2>,
    .max_pool_grad = widened<max_pool_grad, 1>,
    .avg_pool = widened<avg_pool, 1>,
    .avg_pool_grad = widened<avg_pool_grad, 1>,
    .softmax = widened<softmax, 1>,
    .softmax_grad = widened<softmax_grad, 1>,
    .nll = widened<nll, 2>,
    .nll_grad = widened<nll_grad, 1>,
    .cross_entropy = widened<cross_entropy, 2>,
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
    .attention = &kAttentionKernels,
    .optimizer = &kOptimizerKernels,
    .chain = &kChainKernels,
};

/// The CPU has done its work when the call returns.
class NothingToWaitFor final : public Event {
 public:
  bool done() const override { return true; }
  void wait() override {}
  void follow() override {}
};

uint64_t pages(int name) {
  return static_cast<uint64_t>(std::max(sysconf(name), 0L)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  int device_count() const override { return 1; }
  std::string missing() const override { return {}; }
  DeviceFacts facts(Device) const override { return {"CPU"}; }

  Allocator& allocator(Device) override { return caching_allocator(); }
  Allocator& host_allocator() override { return caching_allocator(); }
  MemoryUse memory(Device) const override {
    const CachingAllocator& memory = caching_allocator();
    const uint64_t used = memory.used_bytes();
    return {.total = pages(_SC_PHYS_PAGES),
            .free = pages(_SC_AVPHYS_PAGES),
            .allocated = used,
            .reserved = used + memory.kept_bytes(),
            .peak = memory.peak_bytes()};
  }
  void reset_peak(Device) override { caching_allocator().reset_peak(); }
  void empty_cache(Device) override { caching_allocator().trim(); }

  const Kernels& kernels() const override { return kKernels; }
  void transfer(const Transfer& transfer) override {
    std::memcpy(transfer.to, transfer.from, transfer.bytes);
  }
  std::unique_ptr<Event> mark(Device) override { return std::make_unique<NothingToWaitFor>(); }
  std::unique_ptr<Aside> aside(Device) override { return std::make_unique<Aside>(); }
  bool can_capture() const override { return false; }
  std::unique_ptr<Captured> capture(Device, Generator&, const Captured*,
                                    const std::function<void()>&) override {
    throw InternalError("[cpu] captures nothing");
  }
  void synchronize(Device) override {}
};

}  // namespace

Backend& cpu_backend() {
  static CpuBackend& backend = *new CpuBackend;  // outlives every tensor
  return backend;
}

}  // namespace nw::cpu
