#include "core/train/curve_rows.h"

#include <zlib.h>

#include <array>
#include <bit>
#include <cmath>

#include "core/base/error.h"

namespace nw::train {
namespace {

constexpr size_t kColumns = 7;
constexpr size_t kItem = sizeof(uint64_t);
constexpr size_t kHead = 2 * sizeof(uint32_t);
constexpr size_t kMostRows = size_t{1} << 20;

using Numbers = std::array<uint64_t, kColumns>;

std::optional<double> unless_nan(uint64_t bits) {
  const auto value = std::bit_cast<double>(bits);
  if (std::isnan(value)) return {};
  return value;
}

Numbers numbers_of(const CurveRow& row) {
  return {static_cast<uint64_t>(row.step),
          static_cast<uint64_t>(row.epoch),
          std::bit_cast<uint64_t>(row.loss),
          std::bit_cast<uint64_t>(row.accuracy),
          std::bit_cast<uint64_t>(row.validation_loss.value_or(NAN)),
          std::bit_cast<uint64_t>(row.validation_accuracy.value_or(NAN)),
          std::bit_cast<uint64_t>(row.learning_rate)};
}

CurveRow row_of(const Numbers& numbers) {
  return {static_cast<int64_t>(numbers[0]),
          static_cast<int64_t>(numbers[1]),
          std::bit_cast<double>(numbers[2]),
          std::bit_cast<double>(numbers[3]),
          unless_nan(numbers[4]),
          unless_nan(numbers[5]),
          std::bit_cast<double>(numbers[6])};
}

void put_u32(std::vector<uint8_t>& out, size_t number) {
  for (size_t i = 0; i < sizeof(uint32_t); ++i) {
    out.push_back(static_cast<uint8_t>(number >> (8 * i)));
  }
}

size_t get_u32(std::span<const uint8_t> bytes) {
  size_t out = 0;
  for (size_t i = 0; i < sizeof(uint32_t); ++i) out |= size_t{bytes[i]} << (8 * i);
  return out;
}

/// Where byte `part` of a number stands among the planes of `count` rows.
size_t place(size_t column, size_t part, size_t row, size_t count) {
  return (column * kItem + part) * count + row;
}

}  // namespace

std::vector<uint8_t> pack(std::span<const CurveRow> rows) {
  NW_ASSERT(rows.size() <= kMostRows);
  std::vector<uint8_t> planes(rows.size() * kColumns * kItem);
  Numbers before{};
  for (size_t row = 0; row < rows.size(); ++row) {
    const Numbers now = numbers_of(rows[row]);
    for (size_t column = 0; column < kColumns; ++column) {
      const uint64_t number = column < 2 ? now[column] - before[column] : now[column];
      for (size_t part = 0; part < kItem; ++part) {
        planes[place(column, part, row, rows.size())] = static_cast<uint8_t>(number >> (8 * part));
      }
    }
    before = now;
  }
  uLongf length = compressBound(planes.size());
  std::vector<uint8_t> packed(length);
  const int result = compress2(packed.data(), &length, planes.data(), planes.size(), Z_BEST_SPEED);
  NW_CHECK(result == Z_OK, "[run] there is not enough memory to keep the curves");
  std::vector<uint8_t> out;
  put_u32(out, rows.size());
  put_u32(out, length);
  out.insert(out.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(length));
  return out;
}

std::vector<CurveRow> unpack(std::span<const uint8_t>& bytes) {
  constexpr const char* kDamaged = "[run] the packed curves are damaged";
  NW_CHECK(bytes.size() >= kHead, kDamaged);
  const size_t count = get_u32(bytes), length = get_u32(bytes.subspan(sizeof(uint32_t)));
  NW_CHECK(count <= kMostRows && length <= bytes.size() - kHead, kDamaged);
  std::vector<uint8_t> planes(count * kColumns * kItem);
  uLongf size = planes.size();
  uLong used = length;
  const int result = uncompress2(planes.data(), &size, bytes.data() + kHead, &used);
  NW_CHECK(result == Z_OK && size == planes.size() && used == length, kDamaged);
  bytes = bytes.subspan(kHead + length);

  std::vector<CurveRow> rows;
  rows.reserve(count);
  Numbers before{};
  for (size_t row = 0; row < count; ++row) {
    Numbers now{};
    for (size_t column = 0; column < kColumns; ++column) {
      for (size_t part = 0; part < kItem; ++part) {
        now[column] |= uint64_t{planes[place(column, part, row, count)]} << (8 * part);
      }
      if (column < 2) now[column] += before[column];
    }
    before = now;
    rows.push_back(row_of(now));
  }
  return rows;
}

}  // namespace nw::train
