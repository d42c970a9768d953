#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

namespace nw {

/// A vector whose first `Inline` items live where it is declared; longer ones go to the heap. For
/// lists that are nearly always short and stand on the hot path.
template <typename T, size_t Inline>
class InlineVector {
 public:
  InlineVector() = default;
  InlineVector(std::initializer_list<T> items) { assign(items.begin(), items.end()); }
  explicit InlineVector(std::span<const T> items) { assign(items.begin(), items.end()); }
  explicit InlineVector(size_t count, const T& value = T()) { resize(count, value); }
  template <typename It>
  InlineVector(It first, It last) {
    assign(first, last);
  }
  InlineVector(const InlineVector& other) { assign(other.begin(), other.end()); }
  InlineVector(InlineVector&& other) noexcept { take(other); }
  InlineVector& operator=(const InlineVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  InlineVector& operator=(InlineVector&& other) noexcept {
    if (this != &other) {
      clear();
      heap_.reset();
      take(other);
    }
    return *this;
  }
  ~InlineVector() = default;

  template <typename It>
  void assign(It first, It last) {
    clear();
    for (; first != last; ++first) push_back(*first);
  }
  void push_back(T item) {
    reserve(size_ + 1);
    data()[size_++] = std::move(item);
  }
  void insert(size_t at, T item) {
    push_back(std::move(item));
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::move(begin() + at + 1, end(), begin() + at);
    data()[--size_] = T();
  }
  void resize(size_t count, const T& value = T()) {
    reserve(count);
    T* items = data();
    for (size_t i = count; i < size_; ++i) items[i] = T();
    for (size_t i = size_; i < count; ++i) items[i] = value;
    size_ = count;
  }
  void clear() { resize(0); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return heap_ ? heap_.get() : items_; }
  const T* data() const { return heap_ ? heap_.get() : items_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }
  T& front() { return data()[0]; }
  const T& front() const { return data()[0]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  operator std::span<const T>() const { return {data(), size_}; }

 private:
  void reserve(size_t count) {
    const size_t capacity = heap_ ? capacity_ : Inline;
    if (count <= capacity) return;
    const size_t wanted = std::max(count, 2 * capacity);
    auto larger = std::make_unique<T[]>(wanted);
    std::move(begin(), end(), larger.get());
    heap_ = std::move(larger);
    capacity_ = wanted;
    std::fill(items_, items_ + Inline, T());
  }
  /// Takes the items over; this one is empty before, the other afterwards.
  void take(InlineVector& other) {
    if (other.heap_) {
      heap_ = std::move(other.heap_);
      capacity_ = other.capacity_;
    } else {
      for (size_t i = 0; i < other.size_; ++i) items_[i] = std::exchange(other.items_[i], T());
    }
    size_ = std::exchange(other.size_, 0);
  }

  T items_[Inline] = {};
  size_t size_ = 0;
  size_t capacity_ = 0;  // of heap_
  std::unique_ptr<T[]> heap_;
};

}  // namespace nw
