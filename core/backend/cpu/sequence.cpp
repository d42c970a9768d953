#include <complex>
#include <type_traits>

#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/kernels.h"

namespace nw::cpu {
namespace {

/// In what a sequence of T is worked out: whole numbers wrap around.
template <typename T>
using Working = std::conditional_t<kIsComplex<T>, std::complex<double>,
                                   std::conditional_t<kIsFloating<T>, double, uint64_t>>;

template <typename T>
Working<T> working(const Scalar& value) {
  if constexpr (std::is_same_v<Working<T>, uint64_t>) {
    return static_cast<uint64_t>(value.to_int64());
  } else {
    return convert<Working<T>>(value);
  }
}

template <typename T>
void arange_as(const Scalar& start, const Scalar& step, const Tensor& out) {
  T* to = out.data<T>();
  const auto first = working<T>(start);
  const auto distance = working<T>(step);
  for (int64_t i = 0; i < out.numel(); ++i) {
    to[i] = convert<T>(first + distance * static_cast<Working<T>>(i));
  }
}

/// The second half counts back from the end, so that the last number is hit.
template <typename T>
void linspace_as(const Scalar& first, const Scalar& last, const Tensor& out) {
  using Work = std::conditional_t<kIsComplex<T>, std::complex<double>, double>;
  T* to = out.data<T>();
  const int64_t count = out.numel();
  const Work begin = convert<Work>(first);
  const Work end = convert<Work>(last);
  const Work step = count > 1 ? (end - begin) / static_cast<double>(count - 1) : Work(0);
  for (int64_t i = 0; i < count; ++i) {
    const bool front = i < count / 2 || count == 1;
    to[i] = convert<T>(front ? begin + step * static_cast<double>(i)
                             : end - step * static_cast<double>(count - 1 - i));
  }
}

}  // namespace

void arange(const Scalar& start, const Scalar& step, const Tensor& out) {
  with_any_type(out.dtype(), [&](auto type) { arange_as<decltype(type)>(start, step, out); });
}

void linspace(const Scalar& first, const Scalar& last, const Tensor& out) {
  with_any_type(out.dtype(), [&](auto type) { linspace_as<decltype(type)>(first, last, out); });
}

}  // namespace nw::cpu
