#pragma once

#include <optional>

#include "core/tensor/tensor.h"

namespace nw::ops {

/// Sequences of unequal lengths without their padding: the rows of step 0, of step 1, …, in each
/// step those of the sequences that last that long, the longest sequence first.
/// Source: torch.nn.utils.rnn.PackedSequence.
struct PackedSequence {
  Tensor data;              // (rows, …)
  Tensor batch_sizes;       // int64 (T) on the CPU: sequences that are there at each step
  Tensor sorted_indices;    // int64 (N): which sequence was taken; undefined: they were in order
  Tensor unsorted_indices;  // int64 (N): where each sequence is now
};

/// Whether sequences must come with the longest first, or are brought into that order.
enum class SequenceOrder : uint8_t { Sorted, Any };
/// Whether padded sequences lie (T, N, …) or (N, T, …).
enum class BatchDim : uint8_t { Second, First };

/// input (T, N, …) or (N, T, …), lengths int64 (N) on the CPU, each from 1 to T.
/// Source: torch.nn.utils.rnn.pack_padded_sequence.
PackedSequence pack_padded_sequence(const Tensor& input, const Tensor& lengths,
                                    BatchDim batch = BatchDim::Second,
                                    SequenceOrder order = SequenceOrder::Sorted);

struct PaddedSequence {
  Tensor output;   // (T, N, …) or (N, T, …)
  Tensor lengths;  // int64 (N)
};

/// The inverse, in the order the sequences had. T: the longest sequence, or `total_length`, which
/// must not be less. Source: torch.nn.utils.rnn.pad_packed_sequence.
PaddedSequence pad_packed_sequence(const PackedSequence& sequence,
                                   BatchDim batch = BatchDim::Second, double padding_value = 0,
                                   std::optional<int64_t> total_length = {});

}  // namespace nw::ops
