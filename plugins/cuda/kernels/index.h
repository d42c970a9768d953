#pragma once

#include <span>

#include "core/backend/index_kernels.h"

/// The entries of IndexKernels that run on the device; their contracts stand in
/// core/backend/index_kernels.h.
namespace nw::cuda {

void index_select(const Tensor& x, const Tensor& index, const Tensor& out);
void index_add(const Tensor& source, const Tensor& index, const Tensor& out);
void gather(const Tensor& x, const Tensor& index, int64_t dim, const Tensor& out);
void scatter(const Tensor& source, const Tensor& index, int64_t dim, PutMode mode,
             const Tensor& out);
void index_offsets(std::span<const Tensor> indices, const Dims& sizes, const Dims& strides,
                   const Tensor& out);
void take(const Tensor& x, const Tensor& offsets, const Tensor& out);
void put(const Tensor& source, const Tensor& offsets, PutMode mode, const Tensor& out);
void masked_fill(const Tensor& mask, const Tensor& value, const Tensor& out);
void count_nonzero(const Tensor& x, const Tensor& count);
void nonzero(const Tensor& x, const Tensor& out);
void triangle(const Tensor& x, int64_t diagonal, bool upper, const Tensor& out);
void sort(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
          const Tensor& indices);
void topk(const Tensor& x, int64_t dim, bool largest, const Tensor& values, const Tensor& indices);

}  // namespace nw::cuda
