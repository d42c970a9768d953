#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/launch.h"

namespace nw::cuda {
namespace {

/// A thread for each number of the result; sums wrap around as whole numbers do.
struct WholeProduct {
  const void* a;
  const void* b;
  void* out;
  DType dtype;
  int64_t rows, columns, terms;
  int64_t a_batch, a_row, a_term;
  int64_t b_batch, b_term, b_column;

  __device__ void operator()(int64_t i) const {
    const int64_t column = i % columns;
    const int64_t row = i / columns % rows;
    const int64_t batch = i / columns / rows;
    const int64_t left = batch * a_batch + row * a_row;
    const int64_t right = batch * b_batch + column * b_column;
    uint64_t total = 0;
    for (int64_t k = 0; k < terms; ++k) {
      total += static_cast<uint64_t>(load_whole(a, dtype, left + k * a_term)) *
               static_cast<uint64_t>(load_whole(b, dtype, right + k * b_term));
    }
    store_whole(out, dtype, i, static_cast<int64_t>(total));
  }
};

}  // namespace

void whole_product(const Tensor& a, const Tensor& b, const Tensor& out) {
  const auto step = [](const Tensor& x, int64_t from_last) {
    const auto rank = static_cast<int64_t>(x.strides().size());
    return from_last > rank ? 0 : x.strides()[static_cast<size_t>(rank - from_last)];
  };
  for_each(out.numel(), WholeProduct{a.raw(), b.raw(), out.raw(), out.dtype(), out.size(-2),
                                     out.size(-1), a.size(-1), step(a, 3), step(a, 2), step(a, 1),
                                     step(b, 3), step(b, 2), step(b, 1)});
}

}  // namespace nw::cuda
