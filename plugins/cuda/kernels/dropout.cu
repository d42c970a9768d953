#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"
#include "plugins/cuda/kernels/philox.h"

// Dropout, in one pass each way. The numbers are those of bernoulli (random.cu): a group of four
// has a sequence of its own. cuDNN's dropout counts in states of its own, which nothing could carry
// from a run into its continuation.
namespace nw::cuda {
namespace {

constexpr int kGroup = 4;

/// What a thread works on at once: whole groups, and whole packs of 16 bytes.
template <typename T>
inline constexpr int kStretch = Pack<T>::kItems > kGroup ? Pack<T>::kItems : kGroup;

/// As many bools.
template <typename T>
struct alignas(kStretch<T>) Flags {
  bool at[kStretch<T>];
};

template <typename T>
struct alignas(16) Stretch {
  T at[kStretch<T>];
};

template <typename T>
struct Dropout {
  Generator::Philox place;
  uint64_t below;  // words below this one keep their number
  Wide<T> scale;
  int64_t count;
  bool packed;
  const T* x;
  bool* kept;
  T* y;

  __device__ void operator()(int64_t stretch) const {
    const int64_t first = stretch * kStretch<T>;
    Flags<T> flags;
    for (int group = 0; group < kStretch<T> / kGroup; ++group) {
      const PhiloxWords words = philox_words(place, first / kGroup + group);
      for (int j = 0; j < kGroup; ++j) flags.at[group * kGroup + j] = words.at[j] < below;
    }
    if (packed && first + kStretch<T> <= count) {
      Stretch<T> numbers = reinterpret_cast<const Stretch<T>*>(x)[stretch];
      for (int j = 0; j < kStretch<T>; ++j) {
        numbers.at[j] = narrow<T>(widen(numbers.at[j]) * (flags.at[j] * scale));
      }
      reinterpret_cast<Flags<T>*>(kept)[stretch] = flags;
      reinterpret_cast<Stretch<T>*>(y)[stretch] = numbers;
      return;
    }
    for (int j = 0; j < kStretch<T> && first + j < count; ++j) {
      kept[first + j] = flags.at[j];
      y[first + j] = narrow<T>(widen(x[first + j]) * (flags.at[j] * scale));
    }
  }
};

template <typename T>
struct DropoutGrad {
  Wide<T> scale;
  int64_t count;
  bool packed;
  const T* grad;
  const bool* kept;
  T* grad_x;

  __device__ void operator()(int64_t stretch) const {
    const int64_t first = stretch * kStretch<T>;
    if (packed && first + kStretch<T> <= count) {
      Stretch<T> numbers = reinterpret_cast<const Stretch<T>*>(grad)[stretch];
      const Flags<T> flags = reinterpret_cast<const Flags<T>*>(kept)[stretch];
      for (int j = 0; j < kStretch<T>; ++j) {
        numbers.at[j] = narrow<T>(widen(numbers.at[j]) * (flags.at[j] * scale));
      }
      reinterpret_cast<Stretch<T>*>(grad_x)[stretch] = numbers;
      return;
    }
    for (int64_t i = first; i < first + kStretch<T> && i < count; ++i) {
      grad_x[i] = narrow<T>(widen(grad[i]) * (kept[i] * scale));
    }
  }
};

template <typename T>
int64_t stretches_of(const Tensor& x) {
  return (x.numel() + kStretch<T> - 1) / kStretch<T>;
}

bool are_packable(const Tensor& a, const Tensor& flags, const Tensor& b) {
  return is_packable(a.raw()) && is_packable(flags.raw()) && is_packable(b.raw());
}

}  // namespace

void dropout(Generator& generator, double p, double scale, const Tensor& x, const Tensor& kept,
             const Tensor& y) {
  const auto below = static_cast<uint64_t>(std::ceil(std::clamp(p, 0.0, 1.0) * 0x1p32));
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(stretches_of<T>(x),
             Dropout<T>{generator.philox(4), below, static_cast<Wide<T>>(scale), x.numel(),
                        are_packable(x, kept, y), numbers<T>(x), kept.data<bool>(), numbers<T>(y)});
  });
}

void dropout_grad(const Tensor& grad, const Tensor& kept, double scale, const Tensor& grad_x) {
  with_real(grad.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(
        stretches_of<T>(grad),
        DropoutGrad<T>{static_cast<Wide<T>>(scale), grad.numel(), are_packable(grad, kept, grad_x),
                       numbers<T>(grad), kept.data<bool>(), numbers<T>(grad_x)});
  });
}

}  // namespace nw::cuda
