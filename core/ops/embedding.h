#pragma once

#include "core/backend/norm_kernels.h"
#include "core/tensor/tensor.h"

/// Rows of a weight (rows, columns), named by whole numbers (int64 or int32), each below the number
/// of rows; an index outside is an Error.
namespace nw::ops {

struct EmbeddingOptions {
  int64_t padding_idx = -1;         // its row gets no gradient; −1: none
  bool scale_grad_by_freq = false;  // divides a row's gradient by how often the batch names it
  bool sparse = false;  // PyTorch's: no backward with scale_grad_by_freq; nothing else changes
};

/// index (any sizes) -> (index's sizes, columns). The gradient of weight is dense.
/// Source: torch.nn.functional.embedding.
Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingOptions& options = {});

/// Scales the rows that index names to a norm of degree `norm_type` of at most max_norm, in place
/// and without history. Source: torch.embedding_renorm_.
void embedding_renorm_(const Tensor& weight, const Tensor& index, double max_norm,
                       double norm_type);

struct EmbeddingBagOptions {
  BagMode mode = BagMode::Mean;
  int64_t padding_idx = -1;  // left out of the bags; −1: none
  bool scale_grad_by_freq = false;
  bool sparse = false;
  bool include_last_offset = false;  // offsets also tells where the last bag ends
};

/// Adds up, averages or takes the largest of the rows of each bag: index (B, L), or (n) with
/// offsets (B), where each bag begins -> (B, columns), 0 for an empty bag. per_sample_weights, of
/// index's sizes, only with Sum; undefined: ones. Source: torch.nn.functional.embedding_bag.
Tensor embedding_bag(const Tensor& index, const Tensor& weight, const Tensor& offsets,
                     const Tensor& per_sample_weights, const EmbeddingBagOptions& options = {});

}  // namespace nw::ops
