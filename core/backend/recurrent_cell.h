#pragma once

#include <cstdint>

namespace nw {

enum class RecurrentCell : uint8_t { Tanh, Relu, Lstm, Gru };

/// How many blocks of `hidden` rows the weights of a cell have. Lstm: i, f, g, o; Gru: r, z, n.
constexpr int64_t gate_count(RecurrentCell cell) {
  return cell == RecurrentCell::Lstm ? 4 : cell == RecurrentCell::Gru ? 3 : 1;
}

}  // namespace nw
