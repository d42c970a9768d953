#pragma once

#include <immintrin.h>

#include <cstdint>
#include <utility>

// Vectors as wide as the instruction set that the including file is compiled for. For *.isa.cpp
// only: all of it is in an anonymous namespace, so that no copy compiled for one instruction set
// can stand in for another's.

#define NW_INLINE inline NW_ALWAYS
#define NW_ALWAYS __attribute__((always_inline))  // for lambdas

namespace nw::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kVectorRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kVectorRegisters = 16;
#else
constexpr int kVectorBytes = 16;
constexpr int kVectorRegisters = 16;
#endif

template <typename T>
struct VecTypes {
  typedef T vec __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vec = typename VecTypes<T>::vec;
using Floats = Vec<float>;
using Doubles = Vec<double>;
using Ints = Vec<int32_t>;

/// Numbers in a vector.
template <typename T>
constexpr int64_t kLanes = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <typename T>
NW_INLINE Vec<T> splat(T value) {
  return value - Vec<T>{};  // not {} + value, which would lose the sign of −0
}

template <typename T>
NW_INLINE Vec<T> load(const T* from) {
  Vec<T> value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}
template <typename T>
NW_INLINE void store(T* to, Vec<T> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}
// load_part: the first `count` lanes, at least one and not all, and 0 in the others; store_part
// writes as many.
#if defined(__AVX512F__)
NW_INLINE Floats load_part(const float* from, int64_t count) {
  return Floats(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from));
}
NW_INLINE Doubles load_part(const double* from, int64_t count) {
  return Doubles(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from));
}
NW_INLINE void store_part(float* to, Floats value, int64_t count) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), __m512(value));
}
NW_INLINE void store_part(double* to, Doubles value, int64_t count) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), __m512d(value));
}
#elif defined(__AVX2__)
/// All bits of the first `count` lanes.
NW_INLINE __m256i first_floats(int64_t count) {
  const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), numbers);
}
NW_INLINE __m256i first_doubles(int64_t count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
NW_INLINE Floats load_part(const float* from, int64_t count) {
  return Floats(_mm256_maskload_ps(from, first_floats(count)));
}
NW_INLINE Doubles load_part(const double* from, int64_t count) {
  return Doubles(_mm256_maskload_pd(from, first_doubles(count)));
}
NW_INLINE void store_part(float* to, Floats value, int64_t count) {
  _mm256_maskstore_ps(to, first_floats(count), __m256(value));
}
NW_INLINE void store_part(double* to, Doubles value, int64_t count) {
  _mm256_maskstore_pd(to, first_doubles(count), __m256d(value));
}
#else
NW_INLINE Floats load_part(const float* from, int64_t count) {
  if (count == 1) return Floats{from[0], 0, 0, 0};
  if (count == 2) return Floats{from[0], from[1], 0, 0};
  return Floats{from[0], from[1], from[2], 0};
}
NW_INLINE Doubles load_part(const double* from, int64_t) {
  return Doubles{from[0], 0};
}
NW_INLINE void store_part(float* to, Floats value, int64_t count) {
  to[0] = value[0];
  if (count > 1) to[1] = value[1];
  if (count > 2) to[2] = value[2];
}
NW_INLINE void store_part(double* to, Doubles value, int64_t) {
  to[0] = value[0];
}
#endif

template <typename V>
NW_INLINE V select(decltype(V{} < V{}) mask, V yes, V no) {
  return mask ? yes : no;
}

template <typename T>
NW_INLINE T sum_lanes(Vec<T> value) {
  T total = 0;
  for (int64_t i = 0; i < kLanes<T>; ++i) total += value[i];
  return total;
}

/// Calls body(i, lanes) for every vector of `count` numbers, the last one perhaps in part.
template <typename T, typename Body>
NW_INLINE void for_each_vector(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) body(i, kLanes<T>);
  if (i < count) body(i, count - i);
}
template <typename T>
NW_INLINE Vec<T> load_lanes(const T* from, int64_t lanes) {
  return lanes == kLanes<T> ? load(from) : load_part(from, lanes);
}
template <typename T>
NW_INLINE void store_lanes(T* to, Vec<T> value, int64_t lanes) {
  if (lanes == kLanes<T>) {
    store(to, value);
  } else {
    store_part(to, value, lanes);
  }
}

/// A number that is known when compiling.
template <int kValue>
struct Index {
  static constexpr int value = kValue;
};
/// Calls body(Index<i>()) for i in kStart … kEnd − 1, written out, so that what i selects can stay
/// in registers.
template <int kStart, int kEnd, typename Body>
constexpr NW_INLINE void unrolled(const Body& body) {
  if constexpr (kStart < kEnd) {
    body(Index<kStart>());
    unrolled<kStart + 1, kEnd>(body);
  }
}

template <typename T>
struct LaneNumbers {
  typedef decltype(Vec<T>{} < Vec<T>{}) type;  // whole numbers as wide as T
};

/// Which lanes of two vectors (the second one's numbered on from kLanes) make those of a new one.
template <typename T, typename Pick, int... kLane>
NW_INLINE typename LaneNumbers<T>::type lanes_by(const Pick& pick,
                                                 std::integer_sequence<int, kLane...>) {
  return typename LaneNumbers<T>::type{pick(kLane)...};
}
template <typename T, typename Pick>
NW_INLINE typename LaneNumbers<T>::type lanes_by(const Pick& pick) {
  return lanes_by<T>(pick, std::make_integer_sequence<int, kLanes<T>>());
}

/// Turns as many vectors as they have lanes: lane j of vector i becomes lane i of vector j. Swaps
/// the halves off the diagonal, then the quarters, and so on.
template <typename T, int kDistance = kLanes<T> / 2>
NW_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
  constexpr int kCount = kLanes<T>;
  const auto upper = lanes_by<T>(
      [](int j) NW_ALWAYS { return (j & kDistance) != 0 ? kCount + j - kDistance : j; });
  const auto lower = lanes_by<T>(
      [](int j) NW_ALWAYS { return (j & kDistance) != 0 ? kCount + j : j + kDistance; });
  unrolled<0, kCount>([&](auto i) NW_ALWAYS {
    if constexpr ((decltype(i)::value & kDistance) == 0) {
      const Vec<T> a = rows[i.value];
      const Vec<T> b = rows[i.value + kDistance];
      rows[i.value] = __builtin_shuffle(a, b, upper);
      rows[i.value + kDistance] = __builtin_shuffle(a, b, lower);
    }
  });
  if constexpr (kDistance > 1) transpose<T, kDistance / 2>(rows);
}

}  // namespace
}  // namespace nw::cpu
