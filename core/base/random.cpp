#include "core/base/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/base/error.h"

namespace nw {

void Generator::manual_seed(uint64_t seed) {
  seed_ = seed;
  words_[0] = static_cast<uint32_t>(seed);
  for (int i = 1; i < kWords; ++i) {
    words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + static_cast<uint32_t>(i);
  }
  next_ = kWords;
  philox_offset_ = 0;
  cached_normal_.reset();
}

Generator::Philox Generator::philox(uint64_t numbers) {
  uint64_t& offset = philox_base_ == nullptr ? philox_offset_ : beside_base_;
  const Philox place{seed_, offset, philox_base_};
  offset += (numbers + 3) / 4 * 4;
  return place;
}

void Generator::begin_philox_base(const uint64_t* base) {
  NW_ASSERT(base != nullptr && philox_base_ == nullptr);
  philox_base_ = base;
  beside_base_ = 0;
}

uint64_t Generator::end_philox_base() {
  philox_base_ = nullptr;
  return std::exchange(beside_base_, 0);
}

void Generator::set_philox_offset(uint64_t offset) {
  NW_CHECK(offset % 4 == 0, "[random] expects an offset that is a multiple of 4, gets ", offset);
  philox_offset_ = offset;
}

void Generator::refill() {
  constexpr int kShift = 397;
  for (int i = 0; i < kWords; ++i) {
    const uint32_t joined = (words_[i] & 0x80000000u) | (words_[(i + 1) % kWords] & 0x7fffffffu);
    const uint32_t twisted = (joined >> 1) ^ ((joined & 1u) != 0 ? 0x9908b0dfu : 0u);
    words_[i] = words_[(i + kShift) % kWords] ^ twisted;
  }
  next_ = 0;
}

uint32_t Generator::random32() {
  if (next_ == kWords) refill();
  uint32_t word = words_[next_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}

uint64_t Generator::random64() {
  const uint64_t high = random32();
  return (high << 32) | random32();
}

float Generator::uniform_float() {
  return static_cast<float>(random32() & ((1u << 24) - 1)) * 0x1p-24f;
}

double Generator::uniform_double() {
  return static_cast<double>(random64() & ((1ull << 53) - 1)) * 0x1p-53;
}

double Generator::normal_double() {
  if (cached_normal_) {
    const double value = *cached_normal_;
    cached_normal_.reset();
    return value;
  }
  const double u1 = uniform_double();
  const double u2 = uniform_double();
  const double radius = std::sqrt(-2.0 * std::log(1.0 - u2));
  const double angle = 2.0 * std::numbers::pi * u1;
  cached_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

std::vector<int64_t> Generator::randperm(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  randperm(order);
  return order;
}

void Generator::randperm(std::span<int64_t> order) {
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    std::swap(order[i], order[i + random32() % static_cast<uint32_t>(order.size() - i)]);
  }
}

int64_t Generator::random_int63() {
  return static_cast<int64_t>(random64() & ((1ull << 63) - 1));
}

Generator& default_generator() {
  static thread_local Generator generator;
  return generator;
}

void manual_seed(uint64_t seed) {
  default_generator().manual_seed(seed);
}

}  // namespace nw
