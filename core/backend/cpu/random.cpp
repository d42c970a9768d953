#include "core/base/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/normal.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

/// out = next() for one number after the other, in the order of their memory, as torch does.
template <typename T, typename Next>
void generate(const Tensor& out, const Next& next) {
  T* to = out.data<T>();
  const auto walk = ordered_walk<1>(out.sizes(), {&out.strides()});
  walk.for_rows(0, walk.rows(), [&](const auto& at) {
    for (int64_t i = 0; i < walk.length(); ++i) to[at[0] + i * walk.strides()[0]] = next();
  });
}

/// [0, 1) with as many bits as T's mantissa has.
template <typename T>
auto unit(Generator& generator) {
  if constexpr (std::is_same_v<T, double>) {
    return generator.uniform_double();
  } else if constexpr (std::is_same_v<T, float>) {
    return generator.uniform_float();
  } else {
    constexpr int kBits = std::is_same_v<T, Half> ? 11 : 8;
    const uint32_t drawn = generator.random32() & ((1u << kBits) - 1);
    return static_cast<float>(drawn) / static_cast<float>(1u << kBits);
  }
}

/// Calls body(T()) for the four floating dtypes.
template <typename Body>
void with_any_floating(const Tensor& out, const Body& body) {
  if (out.dtype() == DType::Float16) return body(Half());
  if (out.dtype() == DType::BFloat16) return body(BFloat16());
  with_floating(out, "random", body);
}

}  // namespace

void uniform(Generator& generator, double from, double to, const Tensor& out) {
  with_any_floating(out, [&](auto type) {
    using T = decltype(type);
    using Work = decltype(unit<T>(generator));
    const Work low = convert<Work>(convert<T>(from));
    const Work span = convert<Work>(convert<T>(convert<Work>(convert<T>(to)) - low));
    generate<T>(out, [&] { return convert<T>(std::fma(unit<T>(generator), span, low)); });
  });
}

void bernoulli(Generator& generator, double p, const Tensor& out) {
  with_any_type(out.dtype(), [&](auto type) {
    using T = decltype(type);
    generate<T>(out, [&] { return convert<T>(generator.uniform_double() < p); });
  });
}

void bernoulli_each(Generator& generator, const Tensor& p, const Tensor& out) {
  with_any_floating(p, [&](auto from) {
    using P = decltype(from);
    using Work = std::conditional_t<std::is_same_v<P, double>, double, float>;
    const P* chances = p.data<P>();
    with_any_type(out.dtype(), [&](auto type) {
      using T = decltype(type);
      T* to = out.data<T>();
      for (int64_t i = 0; i < out.numel(); ++i) {
        to[i] = convert<T>(unit<Work>(generator) < convert<Work>(chances[i]));
      }
    });
  });
}

void normal(Generator& generator, double mean, double std, const Tensor& out) {
  with_any_floating(out, [&](auto type) {
    using T = decltype(type);
    if (out.numel() < kNormalBlock || !out.is_contiguous()) {
      generate<T>(out, [&] { return convert<T>(std::fma(generator.normal_double(), std, mean)); });
      return;
    }
    T* to = out.data<T>();
    const int64_t count = out.numel();
    const auto draw = [&] { return convert<T>(unit<T>(generator)); };
    for (int64_t i = 0; i < count; ++i) to[i] = draw();
    for (int64_t i = 0; i + kNormalBlock <= count; i += kNormalBlock) {
      make_normal(to + i, mean, std);
    }
    if (count % kNormalBlock == 0) return;
    T* last = to + count - kNormalBlock;
    for (int64_t i = 0; i < kNormalBlock; ++i) last[i] = draw();
    make_normal(last, mean, std);
  });
}

namespace {

/// The bits of a floating type's mantissa; 63 of others, which hold every bound exactly.
template <typename T>
constexpr int kMantissa = std::is_same_v<T, double>     ? 53
                          : std::is_same_v<T, float>    ? 24
                          : std::is_same_v<T, Half>     ? 11
                          : std::is_same_v<T, BFloat16> ? 8
                                                        : 63;

/// The step between neighbours of the size of `number` in T.
template <typename T>
int64_t step_near(int64_t number) {
  const auto size = static_cast<uint64_t>(number < 0 ? -number : number);
  const int bits = size == 0 ? 0 : 63 - std::countl_zero(size);
  return int64_t{1} << std::max(0, bits - kMantissa<T> + 1);
}

/// Bounds between T's numbers move inwards, as torch has it, lest rounding leave low … high − 1.
template <typename T>
void move_inwards(int64_t& low, int64_t& high) {
  if constexpr (kMantissa<T> < 63) {
    const auto rounded = [](int64_t value) {
      return static_cast<int64_t>(convert<double>(convert<T>(value)));
    };
    if (const int64_t first = rounded(low + 1); first < low) low = first + step_near<T>(low + 1);
    if (const int64_t last = rounded(high - 1); last >= high) high = last - step_near<T>(high - 1);
  }
}

}  // namespace

void randint(Generator& generator, int64_t from, int64_t to, const Tensor& out) {
  with_any_type(out.dtype(), [&](auto type) {
    using T = decltype(type);
    int64_t low = from;
    int64_t high = to;
    move_inwards<T>(low, high);
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    generate<T>(out, [&] {
      const uint64_t drawn =
          range >> 32 != 0 ? generator.random64() % range : generator.random32() % range;
      return convert<T>(static_cast<int64_t>(drawn + static_cast<uint64_t>(low)));
    });
  });
}

}  // namespace nw::cpu
