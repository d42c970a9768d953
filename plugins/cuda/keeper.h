#pragma once

#include <vector>

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// While it lives, its thread records work instead of queueing it. Holds what the recording goes on
/// using although nobody else may.
class Keeper {
 public:
  Keeper();
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  std::vector<Tensor>& tensors() { return tensors_; }
  /// That of this thread; null: it does not record.
  static Keeper* current();

 private:
  std::vector<Tensor> tensors_;
};

/// Lets a recording that this thread makes hold the tensor.
void keep_for_recording(const Tensor& tensor);
/// Throws Error, naming what was wanted, where this thread records: "numbers on the host".
void refuse_recording(const char* what);

}  // namespace nw::cuda
