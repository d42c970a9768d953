#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "core/base/error.h"

namespace nw {

/// A vector of at most `Capacity` items that lives where it is declared and never allocates.
/// Going past the capacity throws Error.
template <typename T, size_t Capacity>
class SmallVector {
 public:
  SmallVector() = default;
  SmallVector(std::initializer_list<T> items) { assign(items.begin(), items.end()); }
  explicit SmallVector(std::span<const T> items) { assign(items.begin(), items.end()); }
  explicit SmallVector(size_t count, const T& value = T()) { resize(count, value); }
  template <typename It>
  SmallVector(It first, It last) {
    assign(first, last);
  }

  template <typename It>
  void assign(It first, It last) {
    clear();
    for (; first != last; ++first) push_back(*first);
  }
  void push_back(T item) {
    NW_CHECK(size_ < Capacity, "[shape] at most ", Capacity, " items are supported here");
    items_[size_++] = std::move(item);
  }
  void insert(size_t at, T item) {
    push_back(std::move(item));
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::move(begin() + at + 1, end(), begin() + at);
    items_[--size_] = T();
  }
  void resize(size_t count, const T& value = T()) {
    NW_CHECK(count <= Capacity, "[shape] at most ", Capacity, " items are supported here, not ",
             count);
    for (size_t i = count; i < size_; ++i) items_[i] = T();
    for (size_t i = size_; i < count; ++i) items_[i] = value;
    size_ = static_cast<uint32_t>(count);
  }
  void clear() { resize(0); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  T& back() { return items_[size_ - 1]; }
  const T& back() const { return items_[size_ - 1]; }
  T& front() { return items_[0]; }
  const T& front() const { return items_[0]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }
  const T* data() const { return items_.data(); }
  T* data() { return items_.data(); }
  operator std::span<const T>() const { return {items_.data(), size_}; }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<T, Capacity> items_{};
  uint32_t size_ = 0;
};

}  // namespace nw
