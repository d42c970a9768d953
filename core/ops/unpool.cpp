#include <algorithm>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/backend/resample_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/pool.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

/// The size of spatial dimension `i` that pooling made `length` of.
int64_t unpooled(const Window& window, size_t i, int64_t length,
                 const SmallVector<int64_t, 3>& output_size, std::string_view op) {
  const int64_t stride = window.stride[i];
  const int64_t size = (length - 1) * stride + window.kernel[i] - 2 * window.padding[i];
  if (output_size.empty()) return size;
  NW_CHECK(output_size[i] > size - stride && output_size[i] < size + stride, "[", op,
           "] output_size must be between ", size - stride + 1, " and ", size + stride - 1, ", is ",
           output_size[i]);
  return output_size[i];
}

/// (planes, numbers of a plane)
Tensor as_planes(const Tensor& x, size_t spatial) {
  int64_t planes = 1;
  int64_t size = 1;
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    (i + spatial < x.sizes().size() ? planes : size) *= x.sizes()[i];
  }
  return view_dense(x, Dims{planes, size});
}

}  // namespace

Tensor max_unpool(const Tensor& x, const Tensor& indices, const Window& window,
                  const SmallVector<int64_t, 3>& output_size) {
  if (const auto cast =
          autocast::run(autocast::kFloat32OnCpu, max_unpool, x, indices, window, output_size))
    return *cast;
  const size_t spatial = window.kernel.size();
  const std::string_view op = window_op("MaxUnpool", spatial);
  check_floating(x, op);
  const bool unbatched = is_unbatched(x, spatial, op);
  NW_CHECK(indices.defined() && indices.dtype() == DType::Int64, "[", op,
           "] expects int64 indices, gets ",
           indices.defined() ? name(indices.dtype()) : std::string_view("none"));
  check_device(x, indices, op);
  NW_CHECK(indices.sizes() == x.sizes(), "[", op, "] expects indices of the input's sizes ",
           to_string(x.sizes()), ", gets ", to_string(indices.sizes()));
  NW_CHECK(output_size.empty() || output_size.size() == spatial, "[", op, "] expects ", spatial,
           " output sizes, gets ", output_size.size());
  // torch asks it of volumes only.
  const bool strides = std::all_of(window.stride.begin(), window.stride.end(),
                                   [](int64_t stride) { return stride > 0; });
  NW_CHECK(spatial < 3 || strides, "[", op, "] expects strides above 0, gets ",
           to_string(Dims(window.stride.begin(), window.stride.end())));
  Dims sizes = x.sizes();
  const size_t first = unbatched ? 1 : 2;
  for (size_t i = 0; i < spatial; ++i) {
    int64_t& size = sizes[first + i];
    NW_CHECK(size > 0, "[", op, "] cannot unpool an empty input, gets ", to_string(x.sizes()));
    size = unpooled(window, i, size, output_size, op);
    NW_CHECK(size >= 0, "[", op, "] makes a size of ", size, " from ", x.sizes()[first + i]);
  }
  const Tensor y = new_result(sizes, x);
  const Tensor where = raw::contiguous(indices);
  if (y.numel() > 0) {
    kernels_of(x).resample->scatter(as_planes(raw::contiguous(x), spatial),
                                    as_planes(where, spatial), as_planes(y, spatial));
  }
  if (autograd::needs_record(x)) {
    autograd::record(op, y, std::array{x}, std::array{where},
                     [spatial](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                               const std::array<Tensor, 1>& saved) {
                       const Tensor grad = raw::contiguous(grads[0]);
                       const Tensor grad_x = new_result(saved[0].sizes(), grad);
                       NW_CHECK(grad.numel() > 0 || grad_x.numel() == 0,
                                "[MaxUnpool] expects an output with elements to go back from, ",
                                "gets ", to_string(grad.sizes()));
                       if (grad_x.numel() > 0) {
                         kernels_of(grad).resample->gather(as_planes(grad, spatial),
                                                           as_planes(saved[0], spatial),
                                                           as_planes(grad_x, spatial));
                       }
                       grad_inputs[0] = grad_x;
                     });
  }
  return y;
}

}  // namespace nw::ops
