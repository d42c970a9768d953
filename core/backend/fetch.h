#pragma once

#include <memory>

#include "core/backend/backend.h"

namespace nw {

/// A number on its way from a device to the host: what is queued after it was asked for need not be
/// done when it comes. On the CPU it is there at once.
class Fetch {
 public:
  /// `one` has one element, which may be changed afterwards.
  explicit Fetch(const Tensor& one);
  /// Waits for it.
  Scalar get();

 private:
  Tensor host_;
  std::unique_ptr<Event> come_;
};

/// Uninitialised dense memory of the host from which and to which `device` copies without waiting.
Tensor empty_staging(const Dims& sizes, DType dtype, Device device);

}  // namespace nw
