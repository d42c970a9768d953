#include <algorithm>
#include <cstring>

#include "core/backend/creation.h"
#include "core/trial/device_trial.h"

namespace nw::trial {
namespace {

using Number = std::complex<double>;

/// How many roundings of the largest number two right results may be apart: sums are added up in
/// another order, and elementary functions have a few of their own.
constexpr double kRoundings = 64;

std::string unlike(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined() ||
      (a.defined() && (a.dtype() != b.dtype() || a.sizes() != b.sizes()))) {
    return concat(describe(a), ", the CPU's ", describe(b));
  }
  return {};
}

/// Compares one tensor with that of the CPU.
std::string compare(const Tensor& ours, const Tensor& cpu) {
  const double allowed = kRoundings * step_of(ours.dtype()) * std::max(largest(cpu), 1.0);
  const Tensor a = wide(ours);
  const Tensor b = wide(cpu);
  int64_t first = -1;
  int64_t count = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    if (distance(a.data<Number>()[i], b.data<Number>()[i]) <= allowed) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return {};
  return concat(count, " of ", a.numel(), " numbers differ by more than ", allowed,
                ", the first at ", first, ": ", a.data<Number>()[first], " instead of ",
                b.data<Number>()[first]);
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

std::string difference(const Numbers& ours, const Numbers& cpu, const Spread& spread) {
  NW_ASSERT(ours.size() == cpu.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto& [name, tensor] = ours[i];
    const std::string other = unlike(tensor, cpu[i].tensor);
    if (!other.empty()) return name + ": " + other;
    if (!tensor.defined()) continue;
    const std::string problem = compare(tensor, cpu[i].tensor);
    if (!problem.empty() && !spread.explains(name, tensor)) return name + ": " + problem;
  }
  return {};
}

}  // namespace nw::trial
