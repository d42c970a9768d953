#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"
#include "plugins/cuda/kernels/philox.h"

namespace nw::cuda {
namespace {

/// Numbers come in groups of four; a thread draws a group.
constexpr int kGroup = 4;

int64_t groups_of(const Tensor& out) {
  return (out.numel() + kGroup - 1) / kGroup;
}

/// Numbers of a group that are written together.
template <typename T>
struct alignas(sizeof(T) * kGroup < 16 ? sizeof(T) * kGroup : 16) Four {
  T at[kGroup];
};

/// Where number i in the order of memory lies.
struct Target {
  Layout<1> layout;
  bool dense, packed;
  int64_t count;

  explicit Target(const Tensor& out) : count(out.numel()) {
    const Nest<1> nest(out.sizes(), {out.strides()});
    dense = nest.is_dense(0);
    packed = dense && is_packable(out.raw());
    if (dense) return;
    NW_CHECK(count <= INT32_MAX, "[random] expects a dense tensor of more than 2³¹ numbers, gets ",
             describe(out));
    nest.for_pieces([&](const Layout<1>& whole, uint32_t) { layout = whole; });
  }
  NW_BOTH int64_t operator()(int64_t i) const {
    return dense ? i : layout(static_cast<uint32_t>(i))[0];
  }
  template <typename T>
  NW_BOTH void store(T* out, int64_t group, const Four<T>& drawn) const {
    if (packed && kGroup * (group + 1) <= count) {
      reinterpret_cast<Four<T>*>(out)[group] = drawn;
      return;
    }
    for (int j = 0; j < kGroup && kGroup * group + j < count; ++j) {
      out[(*this)(kGroup * group + j)] = drawn.at[j];
    }
  }
};

template <typename T>
struct Uniform {
  Target target;
  Generator::Philox place;
  Wide<T> low, span;
  T* out;

  __device__ void operator()(int64_t group) const {
    PhiloxWords words[2] = {philox_words(place, group), {}};
    if constexpr (sizeof(T) == sizeof(double)) words[1] = philox_words(place, group, 1);
    Four<T> drawn;
    for (int j = 0; j < kGroup; ++j) {
      drawn.at[j] = narrow<T>(std::fma(unit_of<T>(words, j), span, low));
    }
    target.store(out, group, drawn);
  }
};

template <typename T>
struct Normal {
  Target target;
  Generator::Philox place;
  Wide<T> mean, std;
  T* out;

  __device__ void operator()(int64_t group) const {
    using F = Wide<T>;
    F drawn[kGroup];
    for (int pair = 0; pair < 2; ++pair) {
      F above_zero;
      F unit;
      if constexpr (std::is_same_v<F, double>) {
        const PhiloxWords words = philox_words(place, group, static_cast<uint64_t>(pair));
        above_zero = 1 - unit_double(words.at[0], words.at[1]);
        unit = unit_double(words.at[2], words.at[3]);
      } else {
        const PhiloxWords words = philox_words(place, group);
        above_zero = 1 - unit_float(words.at[2 * pair]);
        unit = unit_float(words.at[2 * pair + 1]);
      }
      normal_pair(above_zero, unit, drawn[2 * pair], drawn[2 * pair + 1]);
    }
    Four<T> numbers;
    for (int j = 0; j < kGroup; ++j) numbers.at[j] = narrow<T>(std::fma(drawn[j], std, mean));
    target.store(out, group, numbers);
  }
};

template <typename Item>
struct Bernoulli {
  Target target;
  Generator::Philox place;
  uint64_t below;  // words below this one give 1
  Item one;        // as the dtype has it; all bits of 0 are 0
  Item* out;

  __device__ void operator()(int64_t group) const {
    const PhiloxWords words = philox_words(place, group);
    Four<Item> drawn;
    for (int j = 0; j < kGroup; ++j) drawn.at[j] = words.at[j] < below ? one : Item{};
    target.store(out, group, drawn);
  }
};

struct BernoulliEach {
  Generator::Philox place;
  int64_t count;
  const void* chances;
  DType from;
  void* out;
  DType to;

  __device__ void operator()(int64_t group) const {
    const PhiloxWords words = philox_words(place, group);
    for (int j = 0; j < 4 && 4 * group + j < count; ++j) {
      const int64_t i = 4 * group + j;
      const double chance = load_value(chances, from, i).real;
      const bool hit = static_cast<double>(words.at[j]) * 0x1p-32 < chance;
      store_value(out, to, i, whole_value(hit ? 1 : 0));
    }
  }
};

struct RandomWhole {
  Target target;
  Generator::Philox place;
  int64_t low;
  uint64_t range;
  void* out;
  DType dtype;

  __device__ void operator()(int64_t group) const {
    const bool wide = range >> 32 != 0;
    const PhiloxWords words[2] = {philox_words(place, group),
                                  wide ? philox_words(place, group, 1) : PhiloxWords{}};
    for (int j = 0; j < 4 && 4 * group + j < target.count; ++j) {
      const PhiloxWords& own = words[j / 2];
      const uint64_t drawn =
          wide ? ((uint64_t{own.at[2 * (j % 2)]} << 32) | own.at[2 * (j % 2) + 1]) % range
               : words[0].at[j] % static_cast<uint32_t>(range);
      const uint64_t value = drawn + static_cast<uint64_t>(low);
      store_value(out, dtype, target(4 * group + j), whole_value(static_cast<int64_t>(value)));
    }
  }
};

template <typename T>
Wide<T> rounded(double x) {
  return widen(narrow<T>(static_cast<Wide<T>>(x)));
}

}  // namespace

void uniform(Generator& generator, double from, double to, const Tensor& out) {
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    const Wide<T> low = rounded<T>(from);
    for_each(groups_of(out), Uniform<T>{Target(out), generator.philox(sizeof(T) == 8 ? 8 : 4), low,
                                        rounded<T>(to) - low, numbers<T>(out)});
  });
}

void normal(Generator& generator, double mean, double std, const Tensor& out) {
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(groups_of(out),
             Normal<T>{Target(out), generator.philox(sizeof(T) == 8 ? 8 : 4),
                       static_cast<Wide<T>>(mean), static_cast<Wide<T>>(std), numbers<T>(out)});
  });
}

void bernoulli(Generator& generator, double p, const Tensor& out) {
  const auto below = static_cast<uint64_t>(std::ceil(std::clamp(p, 0.0, 1.0) * 0x1p32));
  with_item(out.dtype(), [&](auto item) {
    using Item = decltype(item);
    Item one{};
    store_value(&one, out.dtype(), 0, whole_value(1));
    for_each(groups_of(out),
             Bernoulli<Item>{Target(out), generator.philox(4), below, one, numbers<Item>(out)});
  });
}

void bernoulli_each(Generator& generator, const Tensor& p, const Tensor& out) {
  for_each(groups_of(out), BernoulliEach{generator.philox(4), out.numel(), p.raw(), p.dtype(),
                                         out.raw(), out.dtype()});
}

void randint(Generator& generator, int64_t low, int64_t high, const Tensor& out) {
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for_each(groups_of(out), RandomWhole{Target(out), generator.philox(range >> 32 != 0 ? 8 : 4), low,
                                       range, out.raw(), out.dtype()});
}

}  // namespace nw::cuda
