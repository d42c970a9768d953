#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/base/parallel.h"

namespace nw::cpu {

void sgd(const SgdStep& step, const Tensor& grad, const Tensor& param, const Tensor& buffer) {
  with_floating(param, "sgd", [&](auto type) {
    using T = decltype(type);
    const T* slope = grad.data<T>();
    T* value = param.data<T>();
    T* momentum = step.momentum != 0 ? data_or_null<T>(buffer) : nullptr;
    parallel_for(param.numel(), kGrain, [&](int64_t begin, int64_t end) {
      fast<T>().sgd(step, slope + begin, value + begin,
                    momentum != nullptr ? momentum + begin : nullptr, end - begin);
    });
  });
}

void adam(const AdamStep& step, const Tensor& grad, const Tensor& param, const Tensor& exp_avg,
          const Tensor& exp_avg_sq, const Tensor& max_exp_avg_sq) {
  with_floating(param, "adam", [&](auto type) {
    using T = decltype(type);
    const T* slope = grad.data<T>();
    T* value = param.data<T>();
    T* mean = exp_avg.data<T>();
    T* square = exp_avg_sq.data<T>();
    T* largest = step.amsgrad ? data_or_null<T>(max_exp_avg_sq) : nullptr;
    parallel_for(param.numel(), kGrain, [&](int64_t begin, int64_t end) {
      fast<T>().adam(step, slope + begin, value + begin, mean + begin, square + begin,
                     largest != nullptr ? largest + begin : nullptr, end - begin);
    });
  });
}

}  // namespace nw::cpu
