#include "tests/support/compare.h"

#include <cmath>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::test {
namespace {

struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

Tolerance tolerance_of(DType dtype) {
  if (dtype == DType::Float32) return {1.3e-6, 1e-5};
  if (dtype == DType::Float64) return {1e-7, 1e-7};
  return {};
}

bool is_close(double ours, double theirs, const Tolerance& tolerance) {
  if (ours == theirs || (std::isnan(ours) && std::isnan(theirs))) return true;
  return std::abs(ours - theirs) <= tolerance.absolute + tolerance.relative * std::abs(theirs);
}

std::string index_text(int64_t flat, const Dims& sizes) {
  std::string text;
  for (size_t i = sizes.size(); i-- > 0;) {
    text = std::to_string(flat % sizes[i]) + (text.empty() ? "" : ", ") + text;
    flat /= sizes[i];
  }
  return "(" + text + ")";
}

std::string compare(const Tensor& ours, const Tensor& theirs, std::string_view what,
                    const Tolerance& tolerance) {
  if (!ours.defined() || !theirs.defined()) {
    if (ours.defined() == theirs.defined()) return {};
    return concat(what, ": ours ", describe(ours), ", torch's ", describe(theirs));
  }
  if (ours.dtype() != theirs.dtype() || ours.sizes() != theirs.sizes()) {
    return concat(what, ": ours ", describe(ours), ", torch's ", describe(theirs));
  }
  const Tensor a = raw::contiguous(raw::to(ours, DType::Float64));
  const Tensor b = raw::contiguous(raw::to(theirs, DType::Float64));
  int64_t first = -1;
  int64_t count = 0;
  double largest = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.data<double>()[i];
    const double y = b.data<double>()[i];
    if (is_close(x, y, tolerance)) continue;
    if (first < 0) first = i;
    ++count;
    largest = std::max(largest, std::abs(x - y));
  }
  if (first < 0) return {};
  std::ostringstream text;
  text.precision(17);
  text << what << ": at " << index_text(first, ours.sizes()) << " ours " << a.data<double>()[first]
       << ", torch's " << b.data<double>()[first] << "; " << count << " of " << a.numel()
       << " differ, by up to " << largest;
  return text.str();
}

}  // namespace

std::string difference(const Tensor& ours, const Tensor& theirs, std::string_view what,
                       double slack) {
  if (!ours.defined()) return compare(ours, theirs, what, {});
  Tolerance tolerance = tolerance_of(ours.dtype());
  tolerance.absolute *= slack;
  tolerance.relative *= slack;
  return compare(ours, theirs, what, tolerance);
}

std::string bit_difference(const Tensor& ours, const Tensor& theirs, std::string_view what) {
  return compare(ours, theirs, what, {});
}

}  // namespace nw::test
