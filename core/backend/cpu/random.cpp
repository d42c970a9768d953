#include "core/base/random.h"

#include <cmath>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/kernels.h"

namespace nw::cpu {

void uniform(Generator& generator, double from, double to, const Tensor& out) {
  with_floating(out, "uniform", [&](auto type) {
    using T = decltype(type);
    const T low = static_cast<T>(from);
    const T span = static_cast<T>(to) - low;
    T* numbers = out.data<T>();
    for (int64_t i = 0; i < out.numel(); ++i) {
      if constexpr (sizeof(T) == sizeof(float)) {
        numbers[i] = std::fma(generator.uniform_float(), span, low);
      } else {
        numbers[i] = std::fma(generator.uniform_double(), span, low);
      }
    }
  });
}

void bernoulli(Generator& generator, double p, const Tensor& out) {
  with_floating(out, "bernoulli", [&](auto type) {
    using T = decltype(type);
    T* numbers = out.data<T>();
    for (int64_t i = 0; i < out.numel(); ++i) {
      numbers[i] = generator.uniform_double() < p ? T{1} : T{0};
    }
  });
}

}  // namespace nw::cpu
