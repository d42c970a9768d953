#include "core/ops/embedding.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// The numbers of `index` in a row, as int64.
Tensor flat_index(const Tensor& index, std::string_view op, std::string_view what = "indices") {
  NW_CHECK(index.defined(), "[", op, "] expects ", what, ", gets none");
  NW_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, "[", op, "] expects ",
           what, " of int64 or int32, gets ", name(index.dtype()));
  const Tensor dense = raw::contiguous(raw::to(index, DType::Int64));
  return view_dense(dense, Dims{dense.numel()});
}

void check_weight(const Tensor& weight, const Tensor& index, std::string_view op) {
  check_floating(weight, op);
  NW_CHECK(weight.dim() == 2, "[", op, "] expects a weight of two dimensions, gets ",
           to_string(weight.sizes()));
  NW_CHECK(weight.device() == index.device(), "[", op, "] expects tensors on one device, gets ",
           to_string(weight.device()), " and ", to_string(index.device()));
}

/// PyTorch has no backward for both.
void check_backward(bool sparse, bool by_frequency, std::string_view op) {
  NW_CHECK(!sparse || !by_frequency, "[", op, "] scale_grad_by_freq does not go with sparse");
}

/// source (n, columns) divided by how often each row is named.
Tensor by_frequency(const Tensor& source, const Tensor& index, int64_t rows) {
  const auto& kernels = kernels_of(source);
  const int64_t count = index.numel();
  const Tensor totals = zeros(Dims{1, rows, 1}, source.dtype(), source.device());
  const Tensor ones = full(Dims{1, count, 1}, 1, source.dtype(), source.device());
  kernels.index->index_add(ones, index, totals);
  kernels.index->index_select(totals, index, ones);
  const Tensor out = new_result(source.sizes(), source);
  kernels.binary(BinaryOp::Div, source,
                 raw::expand(view_dense(ones, Dims{count, 1}), source.sizes()), out);
  return out;
}

}  // namespace

Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingOptions& options) {
  constexpr std::string_view kOp = "Embedding";
  const Tensor chosen = flat_index(index, kOp);
  check_weight(weight, index, kOp);
  const int64_t rows = weight.size(0);
  const int64_t columns = weight.size(1);
  const int64_t count = chosen.numel();
  Dims sizes = index.sizes();
  sizes.push_back(columns);
  const Tensor out = new_result(sizes, weight);
  kernels_of(weight).index->index_select(
      view_dense(raw::contiguous(weight), Dims{1, rows, columns}), chosen,
      view_dense(out, Dims{1, count, columns}));
  if (needs_record(weight)) {
    record(kOp, out, std::array{weight}, std::array{chosen},
           [rows, columns, count, options, scalar = index.dim() == 0](
               const Node&, const Tensors& grads, Tensors& grad_inputs,
               const std::array<Tensor, 1>& saved) {
             check_backward(options.sparse, options.scale_grad_by_freq, kOp);
             NW_CHECK(!options.sparse || !scalar || options.padding_idx < 0,
                      "[Embedding] sparse with padding_idx expects indices of a dimension or more");
             Tensor source = view_dense(raw::contiguous(grads[0]), Dims{count, columns});
             const Tensor grad = zeros(Dims{rows, columns}, source.dtype(), source.device());
             grad_inputs[0] = grad;
             if (grads[0].numel() == 0) return;
             if (options.scale_grad_by_freq) source = by_frequency(source, saved[0], rows);
             kernels_of(grad).index->index_add(view_dense(source, Dims{1, count, columns}),
                                               saved[0], view_dense(grad, Dims{1, rows, columns}));
             if (options.padding_idx < 0) return;
             raw::fill_(grad.as_strided(Dims{columns}, Dims{1}, options.padding_idx * columns), 0);
           });
  }
  return out;
}

void embedding_renorm_(const Tensor& weight, const Tensor& index, double max_norm,
                       double norm_type) {
  const Tensor chosen = flat_index(index, "Embedding");
  check_weight(weight, index, "Embedding");
  NW_CHECK(weight.is_contiguous(), "[Embedding] max_norm expects a dense weight");
  kernels_of(weight).norm->renorm_rows(chosen, max_norm, norm_type, weight);
  weight.storage()->bump_version();
}

namespace {

/// Where the bags begin, and how many there are.
struct BagStarts {
  Tensor offsets;
  int64_t count;
};

BagStarts starts_of(const Tensor& index, const Tensor& offsets, bool include_last_offset) {
  NW_CHECK(index.dim() == 1 || index.dim() == 2,
           "[EmbeddingBag] expects indices of one or two dimensions, gets ",
           to_string(index.sizes()));
  if (index.dim() == 1) {
    NW_CHECK(offsets.defined() && offsets.dim() == 1,
             "[EmbeddingBag] expects offsets of one dimension for indices of one");
    const int64_t given = offsets.size(0);
    NW_CHECK(!include_last_offset || given >= 1,
             "[EmbeddingBag] expects at least one offset with include_last_offset");
    return {flat_index(offsets, "EmbeddingBag", "offsets"), given - (include_last_offset ? 1 : 0)};
  }
  NW_CHECK(!offsets.defined(), "[EmbeddingBag] expects no offsets for indices of two dimensions");
  NW_CHECK(!include_last_offset,
           "[EmbeddingBag] include_last_offset expects offsets, not indices of two dimensions");
  NW_CHECK(index.size(1) > 0, "[EmbeddingBag] expects bags of at least one index, gets ",
           to_string(index.sizes()));
  const int64_t bags = index.size(0);
  const Tensor starts = empty(Dims{bags}, DType::Int64, index.device());
  kernels_of(starts).arange(Scalar(int64_t{0}), Scalar(index.size(1)), starts);
  return {starts, bags};
}

}  // namespace

Tensor embedding_bag(const Tensor& index, const Tensor& weight, const Tensor& offsets,
                     const Tensor& per_sample_weights, const EmbeddingBagOptions& options) {
  constexpr std::string_view kOp = "EmbeddingBag";
  const Tensor rows = flat_index(index, kOp);
  check_weight(weight, index, kOp);
  const BagStarts starts = starts_of(index, offsets, options.include_last_offset);
  NW_CHECK(options.mode != BagMode::Max || !options.scale_grad_by_freq,
           "[EmbeddingBag] mode 'max' does not go with scale_grad_by_freq");
  Tensor scales;
  if (per_sample_weights.defined()) {
    NW_CHECK(options.mode == BagMode::Sum,
             "[EmbeddingBag] per_sample_weights go only with mode 'sum'");
    NW_CHECK(per_sample_weights.sizes() == index.sizes(),
             "[EmbeddingBag] expects a weight for each of the indices ", to_string(index.sizes()),
             ", gets ", to_string(per_sample_weights.sizes()));
    check_alike(weight, per_sample_weights, kOp);
    scales = view_dense(raw::contiguous(per_sample_weights), Dims{rows.numel()});
  }
  const Dims sizes{starts.count, weight.size(1)};
  const Tensor out = new_result(sizes, weight);
  const Tensor chosen =
      options.mode == BagMode::Max ? empty(sizes, DType::Int64, weight.device()) : Tensor();
  const Bags bags{.mode = options.mode, .padding = options.padding_idx};
  kernels_of(weight).norm->bag_rows(bags, rows, starts.offsets, raw::contiguous(weight), scales,
                                    chosen, out);
  if (needs_record(weight, per_sample_weights)) {
    record(kOp, out, std::array{weight, per_sample_weights},
           std::array{rows, starts.offsets, weight, scales, chosen},
           [bags, sparse = options.sparse, by_frequency = options.scale_grad_by_freq,
            index_sizes = index.sizes()](const Node& node, const Tensors& grads,
                                         Tensors& grad_inputs, const std::array<Tensor, 5>& saved) {
             check_backward(sparse, by_frequency, kOp);
             const Tensor grad = raw::contiguous(grads[0]);
             const Tensor values = raw::contiguous(saved[2]);
             if (node.needs_grad(0)) grad_inputs[0] = new_result(values.sizes(), values);
             Tensor grad_scales;
             if (node.needs_grad(1)) grad_scales = new_result(saved[0].sizes(), values);
             kernels_of(grad).norm->bag_rows_grad(bags, by_frequency, grad, saved[0], saved[1],
                                                  values, saved[3], saved[4], grad_inputs[0],
                                                  grad_scales);
             if (grad_scales.defined()) grad_inputs[1] = view_dense(grad_scales, index_sizes);
           });
  }
  return out;
}

}  // namespace nw::ops
