#include "tests/support/compare.h"

#include <cmath>
#include <complex>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::test {
namespace {

struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

Tolerance tolerance_of(DType dtype) {
  if (dtype == DType::Float32 || dtype == DType::Complex64) return {1.3e-6, 1e-5};
  if (dtype == DType::Float64 || dtype == DType::Complex128) return {1e-7, 1e-7};
  // Numbers of 16 bits are about 1 here, and sums of them are rounded on the way.
  if (dtype == DType::Float16) return {1e-3, 1e-3};
  if (dtype == DType::BFloat16) return {1.6e-2, 1.6e-2};
  return {};
}

bool is_close(double ours, double theirs, const Tolerance& tolerance) {
  if (ours == theirs || (std::isnan(ours) && std::isnan(theirs))) return true;
  return std::abs(ours - theirs) <= tolerance.absolute + tolerance.relative * std::abs(theirs);
}

using Number = std::complex<double>;

/// As torch.testing compares complex numbers, by their distance.
bool is_close(const Number& ours, const Number& theirs, const Tolerance& tolerance) {
  if (ours.imag() == 0 && theirs.imag() == 0) {
    return is_close(ours.real(), theirs.real(), tolerance);
  }
  const auto is_nan = [](const Number& x) { return std::isnan(x.real()) || std::isnan(x.imag()); };
  if (is_nan(ours) && is_nan(theirs)) return true;
  if (!std::isfinite(std::abs(theirs))) {
    return is_close(ours.real(), theirs.real(), tolerance) &&
           is_close(ours.imag(), theirs.imag(), tolerance);
  }
  return ours == theirs ||
         std::abs(ours - theirs) <= tolerance.absolute + tolerance.relative * std::abs(theirs);
}

std::string text_of(const Number& number, DType dtype) {
  std::ostringstream text;
  text.precision(17);
  text << number.real();
  if (is_complex(dtype)) text << (number.imag() < 0 ? "" : "+") << number.imag() << "j";
  return text.str();
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
  const Tensor a = raw::contiguous(raw::to(ours, DType::Complex128));
  const Tensor b = raw::contiguous(raw::to(theirs, DType::Complex128));
  int64_t first = -1;
  int64_t count = 0;
  double largest = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const Number x = a.data<Number>()[i];
    const Number y = b.data<Number>()[i];
    if (is_close(x, y, tolerance)) continue;
    if (first < 0) first = i;
    ++count;
    largest = std::max(largest, std::abs(x - y));
  }
  if (first < 0) return {};
  return concat(what, ": at ", index_text(first, ours.sizes()), " ours ",
                text_of(a.data<Number>()[first], ours.dtype()), ", torch's ",
                text_of(b.data<Number>()[first], ours.dtype()), "; ", count, " of ", a.numel(),
                " differ, by up to ", largest);
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
