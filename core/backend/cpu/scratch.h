#pragma once

#include "core/backend/cpu/caching_allocator.h"

namespace nw::cpu {

/// Working memory of one kernel call, for elements of type T; 64-byte aligned, not cleared.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : bytes_(static_cast<size_t>(count) * sizeof(T)),
        data_(static_cast<T*>(caching_allocator().allocate(bytes_))) {}
  ~Scratch() { caching_allocator().free(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace nw::cpu
