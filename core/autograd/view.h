#pragma once

#include "core/autograd/node.h"

namespace nw::autograd {

/// While it lives, nothing is recorded on this thread, and views are not followed either: an edit
/// of what was made here is unknown to every graph (torch.inference_mode, without its refusals).
class InferenceMode : public NoGrad {
 public:
  InferenceMode();
  ~InferenceMode();

 private:
  bool before_;
};

/// Follows `view`, made just now on the numbers of `of`: an edit of either in place while recording
/// then reaches the history of both. Every op that gives a view calls it before it records.
void track_view(const Tensor& view, const Tensor& of, ViewKind kind = ViewKind::Normal);

/// What `tensor` is a view of; undefined when it is none.
Tensor base_of(const Tensor& tensor);

/// Zeros with the sizes and strides of a tensor, whatever order of dimensions and gaps it has.
/// Throws Error when elements share memory.
Tensor zeros_laid_out(const Dims& sizes, const Dims& strides, DType dtype, Device device);

/// Forgets the history of `tensor` in place (torch.Tensor.detach_). Throws Error for a view of
/// something that is still in use.
void detach_(const Tensor& tensor);

}  // namespace nw::autograd
