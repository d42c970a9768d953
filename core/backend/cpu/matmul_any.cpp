#include <complex>
#include <type_traits>

#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/matmul_any.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// total + a · b; whole numbers wrap around, complex ones go without the care for infinities.
template <typename T>
T multiply_add(T total, T a, T b) {
  if constexpr (kIsComplex<T>) {
    return T(total.real() + a.real() * b.real() - a.imag() * b.imag(),
             total.imag() + a.real() * b.imag() + a.imag() * b.real());
  } else {
    return static_cast<T>(static_cast<uint64_t>(total) +
                          static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
}

template <typename T>
void rows_as(const PlainProduct& product, const Tensor& a, const Tensor& b, const Tensor& out) {
  const T* left = static_cast<const T*>(a.raw());
  const T* right = static_cast<const T*>(b.raw());
  T* to = static_cast<T*>(out.raw());
  const auto& p = product;
  const int64_t work = std::max<int64_t>(p.n * p.k, 1);
  parallel_for(p.batch * p.m, std::max<int64_t>(kGrain / work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a_row = left + row / p.m * p.a_batch + row % p.m * p.a_row;
      const T* b_start = right + row / p.m * p.b_batch;
      T* c_row = to + row * p.n;
      std::fill(c_row, c_row + p.n, T{});
      for (int64_t k = 0; k < p.k; ++k) {
        const T factor = a_row[k * p.a_col];
        const T* b_row = b_start + k * p.b_row;
        for (int64_t j = 0; j < p.n; ++j) {
          c_row[j] = multiply_add(c_row[j], factor, b_row[j * p.b_col]);
        }
      }
    }
  });
}

}  // namespace

void plain_product(const PlainProduct& product, const Tensor& a, const Tensor& b,
                   const Tensor& out) {
  if (out.numel() == 0) return;
  with_any_type(out.dtype(), [&](auto type) {
    using T = decltype(type);
    if constexpr (kIsComplex<T> || (std::is_integral_v<T> && !std::is_same_v<T, bool>)) {
      rows_as<T>(product, a, b, out);
    } else {
      throw InternalError(concat("[matmul] has no products of ", name(out.dtype())));
    }
  });
}

}  // namespace nw::cpu
