#include "core/trial/numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/backend/creation.h"

namespace nw::trial {
namespace {

using Number = std::complex<double>;

bool is_nan(const Number& x) {
  return std::isnan(x.real()) || std::isnan(x.imag());
}

/// Mixes the bits so that numbers next to each other have nothing in common (SplitMix64).
uint64_t mixed(uint64_t bits) {
  bits += 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

double nudged_number(double value, double step, uint64_t which) {
  const uint64_t drawn = mixed(std::bit_cast<uint64_t>(value) ^ mixed(which)) % 3;
  return drawn == 0 ? value : drawn == 1 ? value * (1 + 2 * step) : value * (1 - 2 * step);
}

}  // namespace

const Tensor* find(const Numbers& numbers, const std::string& name) {
  const auto it = std::find_if(numbers.begin(), numbers.end(),
                               [&](const Named& one) { return one.name == name; });
  return it == numbers.end() || !it->tensor.defined() ? nullptr : &it->tensor;
}

Tensor wide(const Tensor& x) {
  return raw::contiguous(raw::to(x, DType::Complex128));
}

double distance(const Number& a, const Number& b) {
  if (a == b || (is_nan(a) && is_nan(b))) return 0;
  const double apart = std::abs(a - b);
  return std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart;
}

double largest(const Tensor& x) {
  const Tensor dense = wide(x);
  double most = 0;
  for (int64_t i = 0; i < dense.numel(); ++i) {
    const double size = std::abs(dense.data<Number>()[i]);
    if (std::isfinite(size)) most = std::max(most, size);
  }
  return most;
}

double step_of(DType dtype) {
  switch (real_of(dtype)) {
    case DType::Float64:
      return 0x1p-53;
    case DType::Float32:
      return 0x1p-24;
    case DType::Float16:
      return 0x1p-11;
    case DType::BFloat16:
      return 0x1p-8;
    default:
      return 0;
  }
}

Tensor nudged(const Tensor& x, uint64_t which) {
  const double step = step_of(x.dtype());
  if (step == 0 || x.numel() == 0) return x;
  const auto items = static_cast<int64_t>(x.storage()->bytes() / item_bytes(x.dtype()));
  const Tensor whole = raw::to(x.as_strided(Dims{items}, Dims{1}, 0), DType::Complex128);
  const Tensor out = raw::clone(whole);
  auto* values = reinterpret_cast<double*>(out.data<Number>());
  const bool is_share = std::all_of(values, values + 2 * items,
                                    [](double value) { return value >= 0 && value <= 1; });
  for (int64_t i = 0; i < 2 * items; ++i) {
    values[i] = nudged_number(values[i], step, which);
    if (is_share) values[i] = std::min(values[i], 1.0);
  }
  return raw::to(out, x.dtype()).as_strided(x.sizes(), x.strides(), x.offset());
}

}  // namespace nw::trial
