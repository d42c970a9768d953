#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nw::train {

/// What one training batch gave, as in a row of curves.csv. Value type.
struct CurveRow {
  int64_t step = 0;
  int64_t epoch = 0;
  double loss = 0;
  double accuracy = 0;
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  double learning_rate = 0;
};

/// Rows in a few bytes each, every bit of their numbers kept: u32 rows, u32 bytes that follow, and
/// these inflated (zlib) are the columns one after the other, step and epoch as differences from
/// the row before, each as the first bytes of all its numbers, then their second ones, and so on;
/// little-endian, NaN where there is nothing. At most 2^20 rows.
std::vector<uint8_t> pack(std::span<const CurveRow> rows);
/// The rows at the front of `bytes`, which then begins behind them. Throws Error for anything else.
std::vector<CurveRow> unpack(std::span<const uint8_t>& bytes);

}  // namespace nw::train
