#include "tests/simulator/libraries/nccl_numbers.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tests/simulator/libraries/numbers.h"

namespace nw::simulated::comm {
namespace {

template <typename T>
T combined(ncclRedOp_t operation, T a, T b) {
  switch (operation) {
    case ncclProd:
      return static_cast<T>(a * b);
    case ncclMax:
      return std::max(a, b);
    case ncclMin:
      return std::min(a, b);
    default:
      return static_cast<T>(a + b);
  }
}

/// A number as it lies in memory, and as it is computed with.
template <typename T>
struct Plain {
  using Kept = T;
  static T load(const char* from, size_t i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    return value;
  }
  static void store(char* to, size_t i, T value) {
    std::memcpy(to + i * sizeof(T), &value, sizeof(T));
  }
};

template <Number kType>
struct Half {
  using Kept = float;
  static float load(const char* from, size_t i) {
    return number_at<float>(kType, from, static_cast<int64_t>(i));
  }
  static void store(char* to, size_t i, float value) {
    put_number<float>(kType, to, static_cast<int64_t>(i), value);
  }
};

template <typename Format>
std::vector<char> reduced_as(size_t bytes, ncclRedOp_t operation,
                             const std::vector<const char*>& ranks, size_t count) {
  using T = typename Format::Kept;
  std::vector<char> out(bytes * count);
  const auto size = static_cast<T>(ranks.size());
  constexpr bool kFraction = std::is_floating_point_v<T>;
  for (size_t i = 0; i < count; ++i) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      T value = Format::load(ranks[rank], i);
      if (operation == ncclAvg && kFraction) value = static_cast<T>(value * (1 / size));
      Format::store(out.data(), i,
                    rank == 0 ? value : combined(operation, Format::load(out.data(), i), value));
    }
    if (operation == ncclAvg && !kFraction) {
      Format::store(out.data(), i, static_cast<T>(Format::load(out.data(), i) / size));
    }
  }
  return out;
}

}  // namespace

size_t bytes_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

std::vector<char> reduced(ncclDataType_t type, ncclRedOp_t operation,
                          const std::vector<const char*>& ranks, size_t count) {
  const size_t bytes = bytes_of(type);
  switch (type) {
    case ncclInt8:
      return reduced_as<Plain<int8_t>>(bytes, operation, ranks, count);
    case ncclUint8:
      return reduced_as<Plain<uint8_t>>(bytes, operation, ranks, count);
    case ncclInt32:
      return reduced_as<Plain<int32_t>>(bytes, operation, ranks, count);
    case ncclUint32:
      return reduced_as<Plain<uint32_t>>(bytes, operation, ranks, count);
    case ncclInt64:
      return reduced_as<Plain<int64_t>>(bytes, operation, ranks, count);
    case ncclUint64:
      return reduced_as<Plain<uint64_t>>(bytes, operation, ranks, count);
    case ncclFloat16:
      return reduced_as<Half<Number::Float16>>(bytes, operation, ranks, count);
    case ncclBfloat16:
      return reduced_as<Half<Number::BFloat16>>(bytes, operation, ranks, count);
    case ncclFloat32:
      return reduced_as<Plain<float>>(bytes, operation, ranks, count);
    default:
      return reduced_as<Plain<double>>(bytes, operation, ranks, count);
  }
}

}  // namespace nw::simulated::comm
