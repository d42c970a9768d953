#pragma once

#include <array>
#include <tuple>
#include <type_traits>

#include "core/backend/cpu/kernels.h"
#include "core/backend/creation.h"

/// Kernels are written for float32 and float64. In the tables of kernels stands
///
///     .softmax = widened<softmax, 1>,
///     .axpy = widened<axpy, 1, Outputs::Updated>,
///
/// where float16 and bfloat16 shall work, too: tensor arguments of these dtypes are converted to
/// float32, the kernel runs, and the last `kOutputs` tensor arguments are converted back, each
/// rounded once. Undefined tensors and those of other dtypes pass through (a mask, indices). A
/// group of kernels is filled in the same way:
///
///     constexpr NormKernels kNorm{.row_norm = widened<row_norm, 3>, …};
///
/// Without 16-bit arguments this costs a few comparisons.
namespace nw::cpu {

/// Whether a kernel only writes its outputs or reads them, too.
enum class Outputs : uint8_t { Written, Updated };

namespace detail {

template <typename Argument>
inline constexpr bool kIsTensor = std::is_same_v<std::remove_cvref_t<Argument>, Tensor>;

inline bool is_narrow(const Tensor& tensor) {
  return tensor.defined() && is_half(tensor.dtype());
}
template <typename Argument>
bool is_narrow(const Argument&) {
  return false;
}

template <auto kKernel, size_t kOutputs, Outputs kMode, typename Signature>
struct Widened;

template <auto kKernel, size_t kOutputs, Outputs kMode, typename... Arguments>
struct Widened<kKernel, kOutputs, kMode, void (*)(Arguments...)> {
  static constexpr size_t kTensors = (size_t{kIsTensor<Arguments>} + ...);
  static_assert(kOutputs > 0 && kOutputs <= kTensors);

  static void run(Arguments... arguments) {
    if ((is_narrow(arguments) || ...)) {
      run_wide(arguments...);
    } else {
      kKernel(static_cast<Arguments>(arguments)...);
    }
  }

 private:
  /// A float32 stand-in for tensor number `i`, with its strides where the channels are innermost;
  /// others as they are.
  static Tensor wide(const Tensor& tensor, size_t i) {
    if (!is_narrow(tensor)) return tensor;
    const bool innermost = !tensor.is_contiguous() && tensor.is_channels_last();
    const Tensor stand_in = innermost ? empty(Dims{tensor.numel()}, DType::Float32, kCpu)
                                            .as_strided(tensor.sizes(), tensor.strides(), 0)
                                      : empty(tensor.sizes(), DType::Float32, kCpu);
    if (i < kTensors - kOutputs || kMode == Outputs::Updated) copy(tensor, stand_in);
    return stand_in;
  }

  __attribute__((noinline)) static void run_wide(Arguments... arguments) {
    std::array<Tensor, kTensors> given;
    std::array<Tensor, kTensors> used;
    size_t next = 0;
    const auto take = [&](const auto& argument) {
      if constexpr (kIsTensor<decltype(argument)>) {
        given[next] = argument;
        used[next] = wide(argument, next);
        ++next;
      }
    };
    (take(arguments), ...);
    next = 0;
    const auto pass = [&](auto& argument) -> auto& {
      if constexpr (kIsTensor<decltype(argument)>) {
        return static_cast<const Tensor&>(used[next++]);
      } else {
        return argument;
      }
    };
    // A braced list is worked out from left to right.
    std::apply(kKernel, std::tuple<Arguments...>{pass(arguments)...});
    for (size_t i = kTensors - kOutputs; i < kTensors; ++i) {
      if (is_narrow(given[i])) copy(used[i], given[i]);
    }
  }
};

}  // namespace detail

/// A kernel that takes 16-bit numbers, too, made of one that does not.
template <auto kKernel, size_t kOutputs, Outputs kMode = Outputs::Written>
inline constexpr decltype(kKernel) widened =
    detail::Widened<kKernel, kOutputs, kMode, decltype(kKernel)>::run;

}  // namespace nw::cpu
