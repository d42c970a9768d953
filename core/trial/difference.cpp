#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>

#include "core/backend/creation.h"
#include "core/trial/device_trial.h"

namespace nw::trial {
namespace {

using Numbers = std::vector<Pass::Named>;
using Number = std::complex<double>;

/// One rounding of a dtype.
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

/// How many roundings of the largest number two right results may be apart: sums are added up in
/// another order, and elementary functions have a few of their own.
constexpr double kRoundings = 64;
/// And where the CPU itself is farther from the exact result: how many times as far.
constexpr double kTimes = 4;
/// Of 16-bit gradients: the share of numbers that may lie on the other side of a kink.
constexpr double kMostFlipped = 0.25;

Tensor wide(const Tensor& x) {
  return raw::contiguous(raw::to(x, DType::Complex128));
}

bool is_nan(const Number& x) {
  return std::isnan(x.real()) || std::isnan(x.imag());
}

double distance(const Number& a, const Number& b) {
  if (a == b || (is_nan(a) && is_nan(b))) return 0;
  const double apart = std::abs(a - b);
  return std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart;
}

double farthest(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes()) return 0;
  const Tensor x = wide(a);
  const Tensor y = wide(b);
  double most = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    most = std::max(most, distance(x.data<Number>()[i], y.data<Number>()[i]));
  }
  return std::isfinite(most) ? most : 0;
}

double largest(const Tensor& a) {
  const Tensor x = wide(a);
  double most = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double size = std::abs(x.data<Number>()[i]);
    if (std::isfinite(size)) most = std::max(most, size);
  }
  return most;
}

std::string unlike(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined() ||
      (a.defined() && (a.dtype() != b.dtype() || a.sizes() != b.sizes()))) {
    return concat(describe(a), ", the CPU's ", describe(b));
  }
  return {};
}

/// Compares one tensor; `truth` is that of the CPU or the exact one.
std::string compare(const Tensor& ours, const Tensor& truth, double allowed, double may_differ) {
  const Tensor a = wide(ours);
  const Tensor b = wide(truth);
  int64_t first = -1;
  int64_t count = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    if (distance(a.data<Number>()[i], b.data<Number>()[i]) <= allowed) continue;
    if (count++ == 0) first = i;
  }
  if (static_cast<double>(count) <= may_differ * static_cast<double>(a.numel())) return {};
  const Number x = a.data<Number>()[first];
  const Number y = b.data<Number>()[first];
  return concat(count, " of ", a.numel(), " numbers differ by more than ", allowed,
                ", the first at ", first, ": ", x, " instead of ", y);
}

const Tensor* find(const Numbers& numbers, const std::string& name) {
  const auto it = std::find_if(numbers.begin(), numbers.end(),
                               [&](const Pass::Named& one) { return one.name == name; });
  return it == numbers.end() ? nullptr : &it->tensor;
}

bool is_gradient(const std::string& name) {
  return name.starts_with("gradient of ");
}

/// How far the CPU's gradients are from exact ones at most, in shares of the largest number: where
/// one is ill-conditioned (a variance near 0), the others of the case may be.
double worst_gradient(const Numbers& cpu, const Numbers& exact) {
  double worst = 0;
  for (const auto& [name, tensor] : cpu) {
    const Tensor* truth = find(exact, name);
    if (!is_gradient(name) || truth == nullptr || !truth->defined() || !tensor.defined()) continue;
    const double size = largest(*truth);
    if (size > 0) worst = std::max(worst, farthest(tensor, *truth) / size);
  }
  return worst;
}

}  // namespace

std::string bit_difference(const Numbers& a, const Numbers& b) {
  NW_ASSERT(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].tensor.defined() != b[i].tensor.defined()) return a[i].name + " comes and goes";
    if (!a[i].tensor.defined()) continue;
    const Tensor x = raw::contiguous(a[i].tensor);
    const Tensor y = raw::contiguous(b[i].tensor);
    const size_t bytes = static_cast<size_t>(x.numel()) * item_bytes(x.dtype());
    if (x.sizes() != y.sizes() || (bytes > 0 && std::memcmp(x.raw(), y.raw(), bytes) != 0)) {
      return a[i].name + " has other bits the second time";
    }
  }
  return {};
}

std::string difference(const Numbers& ours, const Numbers& cpu, const Numbers& exact) {
  NW_ASSERT(ours.size() == cpu.size());
  const double ill = exact.empty() ? 0 : worst_gradient(cpu, exact);
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto& [name, tensor] = ours[i];
    const std::string other = unlike(tensor, cpu[i].tensor);
    if (!other.empty()) return name + ": " + other;
    if (!tensor.defined()) continue;
    const Tensor* truth = find(exact, name);
    const bool judged = truth != nullptr && truth->defined() && truth->sizes() == tensor.sizes();
    const Tensor& right = judged ? *truth : cpu[i].tensor;
    const double step = step_of(tensor.dtype());
    double allowed = kRoundings * step * std::max(largest(right), 1.0);
    double flipped = 0;
    if (judged) {
      allowed = std::max(allowed, kTimes * farthest(cpu[i].tensor, right));
      if (is_gradient(name)) allowed = std::max(allowed, kTimes * ill * largest(right));
      if (is_gradient(name) && is_half(tensor.dtype())) flipped = kMostFlipped;
    }
    const std::string problem = compare(tensor, right, allowed, flipped);
    if (!problem.empty()) return name + ": " + problem;
  }
  return {};
}

}  // namespace nw::trial
