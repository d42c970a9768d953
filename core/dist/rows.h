#pragma once

#include <memory>
#include <span>

#include "core/dist/process_group.h"

namespace nw::dist {

/// The numbers of a dense row-major tensor as one row, complex ones as pairs of real ones.
Tensor as_row(const Tensor& tensor);
/// The same as bytes, for what is moved and not computed with.
Tensor as_bytes(const Tensor& tensor);

/// Every rank's tensors become those of `root`, sent together in pieces of up to 250 MiB. Any
/// dtypes and strides; equal sizes on all ranks.
void broadcast_coalesced(ProcessGroup& group, std::span<const Tensor> tensors, int root);

/// Whole numbers and figures that the ranks exchange beside the tensors: they go by way of the
/// group's kind of device. Waits for the others.
Tensor all_reduced(ProcessGroup& group, const Tensor& on_cpu, Device device, Reduction reduction);
Tensor broadcasted(ProcessGroup& group, const Tensor& on_cpu, Device device, int root);

}  // namespace nw::dist
