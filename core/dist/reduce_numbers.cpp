#include "core/dist/reduce_numbers.h"

#include <type_traits>

#include "core/base/error.h"

namespace nw::dist {
namespace {

/// A number as it is reckoned with, and back.
template <typename T>
auto widen(T number) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(number);
  } else if constexpr (std::is_integral_v<T>) {
    // Unsigned numbers wrap where signed ones would overflow.
    return static_cast<std::make_unsigned_t<std::common_type_t<T, int>>>(number);
  } else {
    return number;
  }
}

template <typename T, typename Wide>
T narrow(Wide number) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return BFloat16::from(number);
  } else {
    return static_cast<T>(number);
  }
}

struct Sum {
  template <typename T>
  static T of(T a, T b) {
    return narrow<T>(widen(a) + widen(b));
  }
  static bool of(bool a, bool b) { return a || b; }
};

struct Product {
  template <typename T>
  static T of(T a, T b) {
    return narrow<T>(widen(a) * widen(b));
  }
  static bool of(bool a, bool b) { return a && b; }
};

// Chosen in the number's own type, where signs count.
template <typename T>
auto comparable(T number) {
  if constexpr (std::is_integral_v<T>) {
    return number;
  } else {
    return widen(number);
  }
}

struct Min {
  template <typename T>
  static T of(T a, T b) {
    const auto x = comparable(a), y = comparable(b);
    return x != x || x < y ? a : b;
  }
};

struct Max {
  template <typename T>
  static T of(T a, T b) {
    const auto x = comparable(a), y = comparable(b);
    return x != x || x > y ? a : b;
  }
};

template <typename T, typename Choice>
void combine(void* out, const void* a, const void* b, size_t count) {
  auto* to = static_cast<T*>(out);
  const auto* x = static_cast<const T*>(a);
  const auto* y = static_cast<const T*>(b);
  for (size_t i = 0; i < count; ++i) to[i] = Choice::of(x[i], y[i]);
}

template <typename T>
void divide(void* numbers, size_t count, int divisor) {
  auto* at = static_cast<T*>(numbers);
  for (size_t i = 0; i < count; ++i) at[i] = narrow<T>(widen(at[i]) / static_cast<float>(divisor));
}

template <typename T>
Combine combine_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::Sum:
    case Reduction::Average:
      return combine<T, Sum>;
    case Reduction::Product:
      return combine<T, Product>;
    case Reduction::Min:
      return combine<T, Min>;
    case Reduction::Max:
      return combine<T, Max>;
  }
  NW_ASSERT(false);
}

template <typename T>
void combine_pairs(void* out, const void* a, const void* b, size_t count) {
  combine<T, Sum>(out, a, b, 2 * count);
}

}  // namespace

Combine combine_of(DType dtype, Reduction reduction) {
  const bool sum = reduction == Reduction::Sum || reduction == Reduction::Average;
  switch (dtype) {
    case DType::Float32:
      return combine_of<float>(reduction);
    case DType::Float64:
      return combine_of<double>(reduction);
    case DType::Float16:
      return combine_of<Half>(reduction);
    case DType::BFloat16:
      return combine_of<BFloat16>(reduction);
    case DType::Complex64:
      return sum ? combine_pairs<float> : nullptr;
    case DType::Complex128:
      return sum ? combine_pairs<double> : nullptr;
    case DType::Int64:
      return combine_of<int64_t>(reduction);
    case DType::Int32:
      return combine_of<int32_t>(reduction);
    case DType::Int16:
      return combine_of<int16_t>(reduction);
    case DType::Int8:
      return combine_of<int8_t>(reduction);
    case DType::UInt8:
      return combine_of<uint8_t>(reduction);
    case DType::Bool:
      return combine_of<bool>(reduction);
  }
  NW_ASSERT(false);
}

void divide(DType dtype, void* numbers, size_t count, int divisor) {
  switch (dtype) {
    case DType::Float32:
      return divide<float>(numbers, count, divisor);
    case DType::Float64:
      return divide<double>(numbers, count, divisor);
    case DType::Float16:
      return divide<Half>(numbers, count, divisor);
    case DType::BFloat16:
      return divide<BFloat16>(numbers, count, divisor);
    case DType::Complex64:
      return divide<float>(numbers, 2 * count, divisor);
    case DType::Complex128:
      return divide<double>(numbers, 2 * count, divisor);
    default:
      NW_ASSERT(false);
  }
}

}  // namespace nw::dist
