#pragma once

#include <QTest>
#include <limits>
#include <memory>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "tests/support/block_case.h"
#include "tests/support/compare.h"

/// The device's kernels, run by the emulator, against the CPU's on the same numbers.
namespace nw::cuda {

/// Where kernels note what they find wrong.
FaultNote& emulated_note();

}  // namespace nw::cuda

namespace nw::test {

inline const Kernels& on_cpu() {
  return backend_of(kCpu).kernels();
}

inline Draw& draw() {
  static Draw one(test_seed());
  return one;
}

inline DType any_floating() {
  constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
  return kTypes[draw().integer(0, 3)];
}
inline DType any_whole(bool with_bool = true) {
  constexpr DType kTypes[] = {DType::Int64, DType::Int32, DType::Int16,
                              DType::Int8,  DType::UInt8, DType::Bool};
  return kTypes[draw().integer(0, with_bool ? 5 : 4)];
}
inline DType wide_of(DType dtype) {
  return dtype == DType::Float64 ? dtype : DType::Float32;
}

/// Zero to four dimensions; now and then one of size 0, now and then a long one.
inline Dims any_sizes(size_t least = 0) {
  Dims sizes(static_cast<size_t>(draw().integer(static_cast<int64_t>(least), 4)));
  for (int64_t& size : sizes) size = draw().integer(1, 7);
  if (!sizes.empty() && draw().chance(0.3)) sizes.back() = draw().integer(1, 300);
  if (!sizes.empty() && draw().chance(0.03)) sizes.front() = 0;
  return sizes;
}

/// Infinities, NaN and zeros of both signs among the numbers of a dense tensor.
inline Tensor with_specials(const Tensor& x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double specials[] = {0.0, -0.0, kInfinity, -kInfinity, std::nan(""), 1.0, -1.0};
  for (int64_t i = 0; i < x.numel(); ++i) {
    if (!draw().chance(0.15)) continue;
    raw::fill_(x.as_strided({}, {}, x.offset() + i), specials[draw().integer(0, 6)]);
  }
  return x;
}

/// Numbers of any dtype; whole ones over their whole range now and then.
inline Tensor numbers_of(const Dims& sizes, DType dtype, bool specials = false) {
  if (is_floating(dtype) || is_complex(dtype)) {
    const Tensor x = draw().numbers(sizes, dtype);
    return specials ? with_specials(x) : x;
  }
  const int64_t most = draw().chance(0.3) ? int64_t{1} << 62 : 9;
  return raw::to(draw().whole(sizes, dtype == DType::UInt8 ? 0 : -most, most), dtype);
}

/// Dense, with its dimensions in any order.
inline Tensor result(const Dims& sizes, DType dtype) {
  const Tensor dense = empty(sizes, dtype, kCpu);
  if (sizes.size() < 2 || draw().chance(0.6)) return dense;
  Dims turned = sizes;
  std::swap(turned.front(), turned.back());
  Dims strides = contiguous_strides(turned);
  std::swap(strides.front(), strides.back());
  return dense.as_strided(sizes, strides, 0);
}

inline bool agree(const Tensor& ours, const Tensor& expected, const char* what, double slack = 1) {
  const std::string text = difference(ours, expected, what, slack);
  if (!text.empty()) qWarning("%s", text.c_str());
  return text.empty();
}
inline bool equal_bits(const Tensor& ours, const Tensor& expected, const char* what) {
  const std::string text = bit_difference(ours, expected, what);
  if (!text.empty()) qWarning("%s", text.c_str());
  return text.empty();
}

}  // namespace nw::test
