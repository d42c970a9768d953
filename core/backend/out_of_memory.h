#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.h"

namespace nw {

/// A device has not enough memory for what was asked of it.
class OutOfMemory : public Error {
 public:
  OutOfMemory(std::string text, uint64_t needed_bytes, uint64_t free_bytes)
      : Error(std::move(text)), needed_bytes_(needed_bytes), free_bytes_(free_bytes) {}

  uint64_t needed_bytes() const { return needed_bytes_; }
  uint64_t free_bytes() const { return free_bytes_; }

 private:
  uint64_t needed_bytes_;
  uint64_t free_bytes_;
};

}  // namespace nw
