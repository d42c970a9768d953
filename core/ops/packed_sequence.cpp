#include "core/ops/packed_sequence.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/backend/creation.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

Tensor numbers(const std::vector<int64_t>& values) {
  return tensor_of<int64_t>(values, Dims{static_cast<int64_t>(values.size())});
}

/// x (a, b, …) -> (a · b, …)
Tensor joined_front(const Tensor& x) {
  Dims sizes(x.sizes().begin() + 1, x.sizes().end());
  sizes[0] *= x.size(0);
  return reshape(x, sizes);
}

std::vector<int64_t> checked_lengths(const Tensor& input, const Tensor& lengths, int64_t steps,
                                     int64_t batch) {
  constexpr std::string_view kOp = "pack_padded_sequence";
  NW_CHECK(input.numel() > 0, "[", kOp, "] cannot pack an empty tensor, gets ", describe(input));
  NW_CHECK(lengths.defined() && lengths.dtype() == DType::Int64 && lengths.device() == kCpu &&
               lengths.dim() == 1,
           "[", kOp, "] expects lengths as int64 (N) on the CPU, gets ",
           lengths.defined() ? describe(lengths) : "none");
  NW_CHECK(lengths.size(0) == batch, "[", kOp, "] expects as many lengths as sequences, ", batch,
           ", gets ", lengths.size(0));
  const Tensor dense = raw::contiguous(lengths);
  const std::vector<int64_t> values(dense.data<int64_t>(), dense.data<int64_t>() + batch);
  for (int64_t length : values) {
    NW_CHECK(length > 0 && length <= steps, "[", kOp, "] expects lengths from 1 to ", steps,
             ", gets ", length);
  }
  return values;
}

/// Brings the sequences into order, the longest first; the inverse too.
void sort_sequences(std::vector<int64_t>& lengths, PackedSequence& packed) {
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
  });
  std::vector<int64_t> inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  packed.sorted_indices = numbers(order);
  packed.unsorted_indices = numbers(inverse);
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
}

/// How many of the lengths, longest first, go beyond each step.
std::vector<int64_t> sizes_of_steps(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> sizes;
  size_t alive = lengths.size();
  for (int64_t step = 0; step < lengths.front(); ++step) {
    while (lengths[alive - 1] <= step) --alive;
    sizes.push_back(static_cast<int64_t>(alive));
  }
  return sizes;
}

}  // namespace

PackedSequence pack_padded_sequence(const Tensor& input, const Tensor& lengths, BatchDim batch,
                                    SequenceOrder order) {
  NW_CHECK(input.defined() && input.dim() >= 2,
           "[pack_padded_sequence] expects at least 2 dimensions, gets ",
           input.defined() ? describe(input) : "none");
  const bool first = batch == BatchDim::First;
  const int64_t count = input.size(first ? 0 : 1);
  const int64_t steps = input.size(first ? 1 : 0);
  std::vector<int64_t> values = checked_lengths(input, lengths, steps, count);
  PackedSequence packed;
  if (order == SequenceOrder::Any) {
    sort_sequences(values, packed);
  } else {
    NW_CHECK(std::is_sorted(values.rbegin(), values.rend()),
             "[pack_padded_sequence] expects the longest sequence first; let it sort them");
  }
  const std::vector<int64_t> sizes = sizes_of_steps(values);
  const int64_t* from =
      packed.sorted_indices.defined() ? packed.sorted_indices.data<int64_t>() : nullptr;
  std::vector<int64_t> rows;
  for (size_t step = 0; step < sizes.size(); ++step) {
    for (int64_t i = 0; i < sizes[step]; ++i) {
      const int64_t sequence = from != nullptr ? from[i] : i;
      const auto t = static_cast<int64_t>(step);
      rows.push_back(first ? sequence * steps + t : t * count + sequence);
    }
  }
  packed.data = index_select(joined_front(input), 0, raw::to(numbers(rows), input.device()));
  packed.batch_sizes = numbers(sizes);
  return packed;
}

PaddedSequence pad_packed_sequence(const PackedSequence& sequence, BatchDim batch,
                                   double padding_value, std::optional<int64_t> total_length) {
  const int64_t longest = sequence.batch_sizes.size(0);
  const int64_t steps = total_length.value_or(longest);
  NW_CHECK(steps >= longest, "[pad_packed_sequence] expects a total_length of at least ", longest,
           ", the longest sequence, gets ", steps);
  const int64_t* sizes = sequence.batch_sizes.data<int64_t>();
  const int64_t count = sizes[0];
  const int64_t* place =
      sequence.unsorted_indices.defined() ? sequence.unsorted_indices.data<int64_t>() : nullptr;
  const bool first = batch == BatchDim::First;
  const int64_t padding_row = sequence.data.size(0);
  std::vector<int64_t> rows(static_cast<size_t>(steps * count), padding_row);
  std::vector<int64_t> lengths(static_cast<size_t>(count), 0);
  int64_t offset = 0;
  for (int64_t t = 0; t < longest; offset += sizes[t++]) {
    for (int64_t n = 0; n < count; ++n) {
      const int64_t at = place != nullptr ? place[n] : n;
      if (at >= sizes[t]) continue;
      rows[static_cast<size_t>(first ? n * steps + t : t * count + n)] = offset + at;
      ++lengths[static_cast<size_t>(n)];
    }
  }
  Dims padding_sizes = sequence.data.sizes();
  padding_sizes[0] = 1;
  const Tensor padding =
      full(padding_sizes, padding_value, sequence.data.dtype(), sequence.data.device());
  const Tensor flat = index_select(cat(Tensors{sequence.data, padding}, 0), 0,
                                   raw::to(numbers(rows), sequence.data.device()));
  Dims padded_sizes = flat.sizes();
  padded_sizes[0] = first ? count : steps;
  padded_sizes.insert(1, first ? steps : count);
  return {reshape(flat, padded_sizes), numbers(lengths)};
}

}  // namespace nw::ops
