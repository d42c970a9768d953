#include "core/nn/category.h"

#include <array>

#include "core/base/error.h"

namespace nw::nn {
namespace {

constexpr std::array kCategories = {
    Category{"input", "Input", 0x009E73},
    Category{"convolution", "Convolution", 0x0072B2},
    Category{"pooling", "Pooling", 0x56B4E9},
    Category{"linear", "Linear", 0x5B5BD6},
    Category{"recurrent", "Recurrent", 0xAA4499},
    Category{"attention", "Attention", 0xCC79A7},
    Category{"normalisation", "Normalisation", 0x8C6D46},
    Category{"activation", "Activation", 0xE69F00},
    Category{"regularisation", "Regularisation", 0x6B7280},
    Category{"shape", "Shape and merge", 0x9A8C00},
    Category{"loss", "Loss", 0xD55E00},
};

}  // namespace

std::span<const Category> categories() {
  return kCategories;
}

const Category& category(std::string_view id) {
  for (const Category& one : kCategories) {
    if (one.id == id) return one;
  }
  throw InternalError(concat("[category] '", id, "' is not a category"));
}

}  // namespace nw::nn
