#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec_math.h"

namespace nw::cpu::NW_ISA {
namespace {

template <typename T>
void sgd(const SgdStep& step, const T* grad, T* param, T* buffer, int64_t count) {
  const T decay = static_cast<T>(step.weight_decay);
  const T momentum = static_cast<T>(step.momentum);
  const T fresh = static_cast<T>(1 - step.dampening);
  const T rate = static_cast<T>(step.lr);
  const T sign = step.maximize ? T{-1} : T{1};
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    const Vec<T> p = load_lanes(param + i, lanes);
    Vec<T> g = load_lanes(grad + i, lanes) * sign;
    if (decay != 0) g = g + p * decay;
    if (buffer != nullptr) {
      const Vec<T> b = step.first ? g : load_lanes(buffer + i, lanes) * momentum + g * fresh;
      store_lanes<T>(buffer + i, b, lanes);
      g = step.nesterov ? g + b * momentum : b;
    }
    store_lanes<T>(param + i, p - g * rate, lanes);
  });
}

/// xʸ for a whole y ≥ 0; torch takes it in double, too.
double power(double x, int64_t y) {
  return __builtin_pow(x, static_cast<double>(y));
}

template <typename T>
void adam(const AdamStep& step, const T* grad, T* param, T* mean, T* square, T* largest,
          int64_t count) {
  const T decay = static_cast<T>(step.weight_decay);
  const T beta1 = static_cast<T>(step.beta1);
  const T fresh1 = static_cast<T>(1 - step.beta1);
  const T beta2 = static_cast<T>(step.beta2);
  const T fresh2 = static_cast<T>(1 - step.beta2);
  const T sign = step.maximize ? T{-1} : T{1};
  const T rate = static_cast<T>(step.lr / (1 - power(step.beta1, step.step)));
  const T root = static_cast<T>(__builtin_sqrt(1 - power(step.beta2, step.step)));
  const T eps = static_cast<T>(step.eps);
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    const Vec<T> p = load_lanes(param + i, lanes);
    Vec<T> g = load_lanes(grad + i, lanes) * sign;
    if (decay != 0) g = g + p * decay;
    const Vec<T> m = load_lanes(mean + i, lanes) * beta1 + g * fresh1;
    Vec<T> v = load_lanes(square + i, lanes) * beta2 + g * g * fresh2;
    store_lanes<T>(mean + i, m, lanes);
    store_lanes<T>(square + i, v, lanes);
    if (largest != nullptr) {
      const Vec<T> before = load_lanes(largest + i, lanes);
      v = select(v <= before, before, v);
      store_lanes<T>(largest + i, v, lanes);
    }
    store_lanes<T>(param + i, p - m * rate / (cpu::sqrt(v) / root + eps), lanes);
  });
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.sgd = sgd<T>;
  table.adam = adam<T>;
}

}  // namespace

void add_optimizers(IsaKernels& table);
void add_optimizers(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
