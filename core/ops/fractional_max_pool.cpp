#include "core/autograd/node.h"
#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/pool.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

/// 0, 1, … count − 1
Tensor counted(int64_t count, const Tensor& like, DType dtype) {
  return arange(int64_t{0}, count, int64_t{1}, dtype, like.device());
}

/// Where the windows of one direction begin: sample (N, C) -> int64 (N, C, outputs). The last ends
/// with the input; the steps between them are the mean step, rounded up or down as chance has it.
Tensor starts(const Tensor& sample, int64_t inputs, int64_t outputs, int64_t kernel) {
  const DType dtype = sample.dtype();
  const int64_t last = inputs - kernel;
  const Tensor place = counted(outputs, sample, dtype);
  const Tensor at = unsqueeze(sample, -1);
  double step = 0;
  if (outputs > 1) {
    step = dtype == DType::Float64
               ? static_cast<double>(last) / static_cast<double>(outputs - 1)
               : static_cast<double>(static_cast<float>(last) / static_cast<float>(outputs - 1));
  }
  const Tensor from = sub(trunc(mul(add(place, at), step)), trunc(mul(at, step)));
  const Tensor is_last = eq(place, static_cast<double>(outputs - 1));
  return to(where(is_last, static_cast<double>(last), from), DType::Int64);
}

/// Joins two directions, the outer first: (…, a) and (…, b) -> (…, a·b) of outer · size + inner.
Tensor crossed(const Tensor& outer, int64_t size, const Tensor& inner) {
  const Tensor both = add(unsqueeze(mul(outer, size), -1), unsqueeze(inner, -2));
  return flatten(both, -2, -1);
}

/// The places of each window in its plane: int64 (N, C, windows, numbers of a window).
Tensor places(const Tensor& x, const OutputSize& kernel, const OutputSize& output_size,
              const Tensor& samples) {
  const size_t spatial = kernel.size();
  Tensor begin;
  Tensor offset;
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t size = x.size(static_cast<int64_t>(i) + 2);
    const auto column = static_cast<int64_t>(spatial == 2 ? 1 - i : i);
    const Tensor sample = select(samples, 2, column);
    const Tensor from = starts(sample, size, output_size[i], kernel[i]);
    const Tensor within = counted(kernel[i], x, DType::Int64);
    begin = i == 0 ? from : crossed(begin, size, from);
    offset = i == 0 ? within : crossed(offset, size, within);
  }
  return add(unsqueeze(begin, -1), offset);
}

/// x with a batch in front; no size from dimension `first` on may be 0.
void check(const Tensor& x, size_t first, const OutputSize& kernel, const OutputSize& output_size,
           std::string_view op) {
  for (size_t i = first; i < x.sizes().size(); ++i) {
    NW_CHECK(x.sizes()[i] > 0, "[", op, "] cannot pool an empty input, gets ",
             to_string(x.sizes()));
  }
  for (size_t i = 0; i < kernel.size(); ++i) {
    const int64_t size = x.sizes()[i + 2];
    NW_CHECK(kernel[i] >= 1 && output_size[i] >= 0, "[", op,
             "] expects a kernel_size of at least 1 and an output_size of at least 0, gets ",
             kernel[i], " and ", output_size[i]);
    // torch wants room to spare in three dimensions.
    const int64_t room = kernel.size() == 3 ? size - 1 : size;
    NW_CHECK(output_size[i] + kernel[i] - 1 <= room, "[", op, "] ", output_size[i], " windows of ",
             kernel[i], " do not fit into a size of ", size, ": output_size + kernel_size − 1 is ",
             output_size[i] + kernel[i] - 1, ", may be ", room);
  }
}

/// (1, planes, numbers of a plane)
Tensor as_flat_planes(const Tensor& x) {
  const int64_t planes = x.size(0) * x.size(1);
  return view_dense(x, Dims{1, planes, planes == 0 ? 0 : x.numel() / planes});
}

}  // namespace

std::pair<Tensor, Tensor> fractional_max_pool(const Tensor& given, const OutputSize& kernel,
                                              const OutputSize& output_size,
                                              const Tensor& samples) {
  if (const auto cast = autocast::run(autocast::kFloat32OnCpu, fractional_max_pool, given, kernel,
                                      output_size, samples))
    return *cast;
  const std::string_view op = window_op("FractionalMaxPool", kernel.size());
  check_floating(given, op);
  const bool unbatched = is_unbatched(given, kernel.size(), op);
  const Tensor x = unbatched ? unsqueeze(given, 0) : given;
  check(x, unbatched ? 2 : 1, kernel, output_size, op);
  Dims sizes{x.size(0), x.size(1)};
  for (int64_t size : output_size) sizes.push_back(size);
  Tensor y = new_result(sizes, x);
  Tensor indices = empty(sizes, DType::Int64, x.device());
  if (y.numel() > 0) {
    autograd::NoGrad guard;
    // Half numbers are too coarse for places.
    const bool coarse = is_half(samples.dtype());
    const Tensor at =
        places(x, kernel, output_size, coarse ? to(samples, DType::Float32) : samples);
    const Tensor numbers = reshape(gather(flatten(x, 2), 2, flatten(at, 2)), at.sizes());
    const auto [largest, which] = max(numbers, -1);
    y = reshape(largest, sizes);
    indices = reshape(gather(at, 3, unsqueeze(which, -1)), sizes);
  }
  if (autograd::needs_record(x)) {
    autograd::record(
        op, y, std::array{x}, std::array{indices},
        [x_sizes = x.sizes()](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                              const std::array<Tensor, 1>& saved) {
          const Tensor grad = raw::contiguous(grads[0]);
          const Tensor grad_x = new_result(x_sizes, grad);
          if (grad.numel() > 0) {
            kernels_of(grad).max_pool_grad(as_flat_planes(grad), as_flat_planes(saved[0]),
                                           as_flat_planes(grad_x));
          } else {
            raw::fill_(grad_x, 0);
          }
          grad_inputs[0] = grad_x;
        });
  }
  if (!unbatched) return {y, indices};
  return {squeeze(y, 0), squeeze(indices, 0)};
}

}  // namespace nw::ops
