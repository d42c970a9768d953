#include <cstring>

#include "core/base/error.h"
#include "core/base/random.h"

namespace nw {
namespace {

// Where the parts lie. Source: aten/src/ATen/CPUGeneratorImpl.cpp, as facts only.
constexpr size_t kSeedAt = 0;
constexpr size_t kLeftAt = 8;          // numbers until the next refill, int32
constexpr size_t kSeededAt = 12;       // int32
constexpr size_t kNextAt = 16;         // uint64
constexpr size_t kWordsAt = 24;        // 624 uint64
constexpr size_t kNormalAt = 5024;     // the cached normal number, double
constexpr size_t kHasNormalAt = 5040;  // int32

template <typename T>
T load(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

template <typename T>
void store(std::span<uint8_t> bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

}  // namespace

std::array<uint8_t, Generator::kStateBytes> Generator::state() const {
  std::array<uint8_t, kStateBytes> bytes{};
  store(bytes, kSeedAt, seed_);
  store(bytes, kLeftAt, static_cast<int32_t>(kWords + 1 - next_));
  store(bytes, kSeededAt, int32_t{1});
  store(bytes, kNextAt, static_cast<uint64_t>(next_));
  for (size_t i = 0; i < words_.size(); ++i) {
    store(bytes, kWordsAt + i * sizeof(uint64_t), uint64_t{words_[i]});
  }
  store(bytes, kNormalAt, cached_normal_.value_or(0));
  store(bytes, kHasNormalAt, int32_t{cached_normal_.has_value()});
  return bytes;
}

void Generator::set_state(std::span<const uint8_t> bytes) {
  NW_CHECK(bytes.size() == kStateBytes, "[random] a state has ", kStateBytes, " bytes, this one ",
           bytes.size());
  const auto left = load<int32_t>(bytes, kLeftAt);
  const auto next = load<uint64_t>(bytes, kNextAt);
  NW_CHECK(load<int32_t>(bytes, kSeededAt) == 1 && left >= 1 && left <= kWords && next <= kWords,
           "[random] these bytes are no state of a generator");
  seed_ = load<uint64_t>(bytes, kSeedAt);
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] = static_cast<uint32_t>(load<uint64_t>(bytes, kWordsAt + i * sizeof(uint64_t)));
  }
  next_ = left == 1 ? kWords : static_cast<int>(next);
  cached_normal_.reset();
  if (load<int32_t>(bytes, kHasNormalAt) != 0) cached_normal_ = load<double>(bytes, kNormalAt);
}

}  // namespace nw
