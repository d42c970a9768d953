#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/nn/value.h"
#include "core/tensor/shape.h"

namespace nw::nn {

/// One integer for each of N spatial dimensions; a single one stands for all, as in torch.
template <size_t N>
class Extents {
 public:
  Extents(int64_t all) : single_(true) { items_.fill(all); }
  Extents(std::initializer_list<int64_t> items) { assign(items); }
  Extents(const std::vector<int64_t>& items) { assign(items); }

  operator SmallVector<int64_t, 3>() const {
    return SmallVector<int64_t, 3>(items_.begin(), items_.end());
  }
  int64_t operator[](size_t i) const { return items_[i]; }
  std::vector<int64_t> items() const { return {items_.begin(), items_.end()}; }

  /// "(5, 5)", as Python writes the tuple.
  std::string tuple_text() const { return to_python(items()); }
  /// "5" where a single integer was given, else as tuple_text().
  std::string text() const { return single_ ? to_python(items_[0]) : tuple_text(); }

 private:
  template <typename Items>
  void assign(const Items& items) {
    NW_CHECK(items.size() == 1 || items.size() == N, "[extents] expects 1 or ", N,
             " integers, gets ", items.size());
    if (items.size() == 1) {
      items_.fill(*items.begin());
    } else {
      std::copy(items.begin(), items.end(), items_.begin());
    }
  }

  std::array<int64_t, N> items_{};
  bool single_ = false;
};

/// The argument of that name of a block.
template <size_t N>
Extents<N> extents_of(const Args& args, std::string_view name) {
  if (const auto* one = std::get_if<int64_t>(args.find(name))) return *one;
  return args.integers(name, N);
}

/// "5×5".
inline std::string to_string(const std::vector<int64_t>& items) {
  std::string text;
  for (int64_t item : items) text += (text.empty() ? "" : "×") + std::to_string(item);
  return text;
}

/// "2" when all are equal, else "2×1"; for captions.
inline std::string brief(const std::vector<int64_t>& items) {
  const bool equal = std::equal(items.begin() + 1, items.end(), items.begin());
  return equal ? std::to_string(items.front()) : to_string(items);
}

}  // namespace nw::nn
