#pragma once

#include <memory>

#include "core/base/file.h"
#include "core/tensor/tensor.h"

namespace nw::io {

/// Gives stretches of a file as one-dimensional tensors. Long ones that lie on a multiple of their
/// element's size are mapped: nothing is copied until somebody writes to them. The file must not be
/// cut shorter while they live.
class FileNumbers {
 public:
  explicit FileNumbers(const InputFile& file) : file_(file) {}

  /// Throws Error when the file ends before. Bools become 0 or 1.
  Tensor at(uint64_t offset, int64_t numel, DType dtype);

 private:
  const InputFile& file_;
  bool tried_ = false;
  std::shared_ptr<FileMapping> mapping_;
};

}  // namespace nw::io
