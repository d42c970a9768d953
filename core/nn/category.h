#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace nw::nn {

/// A shelf of the palette. Colours are safe for colour-blind eyes (shared by light and dark).
struct Category {
  std::string_view id;     // "convolution"
  std::string_view title;  // "Convolution"
  uint32_t color;          // 0xRRGGBB
};

/// In palette order: input, convolution, pooling, linear, recurrent, attention, normalisation,
/// activation, regularisation, shape, loss.
std::span<const Category> categories();
/// Throws InternalError for an unknown id.
const Category& category(std::string_view id);

}  // namespace nw::nn
