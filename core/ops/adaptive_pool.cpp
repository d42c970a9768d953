#include <algorithm>
#include <memory>
#include <optional>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/backend/resample_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/axis_map.h"
#include "core/ops/checks.h"
#include "core/ops/pool.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/window.h"

namespace nw::ops {
namespace {

/// x's sizes with the spatial ones made those of `output_size`.
Dims pooled_sizes(const Tensor& x, const OutputSize& output_size, std::string_view op) {
  Dims sizes = x.sizes();
  const size_t first = sizes.size() - output_size.size();
  for (size_t i = 0; i < output_size.size(); ++i) {
    NW_CHECK(output_size[i] >= -1, "[", op, "] output_size must be at least 0, is ",
             output_size[i]);
    if (output_size[i] >= 0) sizes[first + i] = output_size[i];
  }
  return sizes;
}

void check_not_empty(const Tensor& x, size_t from, std::string_view op) {
  for (size_t i = from; i < x.sizes().size(); ++i) {
    NW_CHECK(x.sizes()[i] > 0, "[", op, "] cannot pool an empty input, gets ",
             to_string(x.sizes()));
  }
}

/// With x's own sizes for those that are kept, where it has as many dimensions.
OutputSize resolved(const Tensor& x, OutputSize output_size) {
  if (!x.defined() || x.sizes().size() < output_size.size()) return output_size;
  const size_t first = x.sizes().size() - output_size.size();
  for (size_t i = 0; i < output_size.size(); ++i) {
    if (output_size[i] == -1) output_size[i] = x.sizes()[first + i];
  }
  return output_size;
}

bool is_mean_of_all(const OutputSize& output_size) {
  return std::all_of(output_size.begin(), output_size.end(),
                     [](int64_t size) { return size == 1; });
}

/// Which ranks, and which inputs without channels, torch takes differs from one function to the
/// next: to average all of an image is a plain mean to it.
void check_average(const Tensor& x, const OutputSize& output_size, std::string_view op) {
  check_floating(x, op);
  const size_t spatial = output_size.size();
  const bool is_mean = spatial > 1 && is_mean_of_all(output_size);
  if (!is_mean) is_unbatched(x, spatial, op);
  const size_t rank = x.sizes().size();
  NW_CHECK(rank >= spatial, "[", op, "] expects at least ", spatial, " dimensions, gets ", rank);
  check_not_empty(x, spatial < 3 || is_mean ? rank - spatial : 1, op);
}

/// Windows that all have one size and lie side by side, as those of average pooling, where that
/// adds up as exactly: not very many numbers one after the other.
std::optional<Window> equal_windows(const Dims& in, const Dims& out, size_t spatial) {
  constexpr int64_t kMostAdded = 1024;
  if (in.size() != spatial + 1 && in.size() != spatial + 2) return std::nullopt;
  Window window;
  int64_t added = 1;
  for (size_t dim = in.size() - spatial; dim < in.size(); ++dim) {
    if (out[dim] == 0 || in[dim] == 0 || in[dim] % out[dim] != 0) return std::nullopt;
    window.kernel.push_back(in[dim] / out[dim]);
    window.padding.push_back(0);
    window.dilation.push_back(1);
    added *= window.kernel.back();
  }
  window.stride = window.kernel;
  return added <= kMostAdded ? std::optional(window) : std::nullopt;
}

int64_t range_begin(int64_t i, int64_t outputs, int64_t inputs) {
  return i * inputs / outputs;
}

int64_t range_end(int64_t i, int64_t outputs, int64_t inputs) {
  return ((i + 1) * inputs + outputs - 1) / outputs;
}

AxisMap means(int64_t inputs, int64_t outputs) {
  AxisMap map;
  map.inputs = inputs;
  map.first.push_back(0);
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t begin = range_begin(i, outputs, inputs);
    const int64_t end = range_end(i, outputs, inputs);
    for (int64_t at = begin; at < end; ++at) {
      map.source.push_back(at);
      map.weight.push_back(1.0 / static_cast<double>(end - begin));
    }
    map.first.push_back(static_cast<int64_t>(map.source.size()));
  }
  return map;
}

/// Windows of the three axes of a plane; of those that are missing, one of one element.
std::vector<AxisRanges> ranges(const Dims& in, const Dims& out, size_t spatial) {
  std::vector<AxisRanges> axes(3, AxisRanges{{0}, {1}});
  for (size_t i = 0; i < spatial; ++i) {
    const size_t dim = in.size() - spatial + i;
    AxisRanges& axis = axes[3 - spatial + i];
    axis = {};
    for (int64_t at = 0; at < out[dim]; ++at) {
      axis.begin.push_back(range_begin(at, out[dim], in[dim]));
      axis.end.push_back(range_end(at, out[dim], in[dim]));
    }
  }
  return axes;
}

/// (planes, depth, height, width), with ones for the axes that are missing.
Tensor as_planes(const Tensor& x, size_t spatial) {
  Dims sizes{1, 1, 1, 1};
  const size_t lead = x.sizes().size() - spatial;
  for (size_t i = 0; i < lead; ++i) sizes[0] *= x.sizes()[i];
  for (size_t i = 0; i < spatial; ++i) sizes[4 - spatial + i] = x.sizes()[lead + i];
  return view_dense(x, sizes);
}

/// Only those in three dimensions are on PyTorch's list.
autocast::Rules rules_of(const OutputSize& output_size) {
  return output_size.size() == 3 ? autocast::kFloat32OnCpu : autocast::kWhole;
}

/// (1, planes, numbers of a plane)
Tensor as_flat_planes(const Tensor& x, size_t spatial) {
  const Dims& planes = as_planes(x, spatial).sizes();
  return view_dense(x, Dims{1, planes[0], planes[1] * planes[2] * planes[3]});
}

}  // namespace

Tensor adaptive_avg_pool(const Tensor& x, const OutputSize& given) {
  if (const auto cast = autocast::run(rules_of(given), adaptive_avg_pool, x, given)) return *cast;
  const std::string_view op = window_op("AdaptiveAvgPool", given.size());
  const OutputSize output_size = resolved(x, given);
  check_average(x, output_size, op);
  const Dims sizes = pooled_sizes(x, output_size, op);
  if (is_mean_of_all(output_size) && x.numel() == 0) {  // also to torch, with its gradient
    Dims pooled;
    for (size_t i = 0; i < output_size.size(); ++i) pooled.push_back(-1 - static_cast<int64_t>(i));
    return mean(x, pooled, Keep::Yes);
  }
  if (const auto window = equal_windows(x.sizes(), sizes, output_size.size());
      window && x.numel() > 0) {
    return avg_pool(x, *window, Rounding::Down, {});
  }
  auto maps = std::make_shared<AxisMaps>();
  for (size_t i = sizes.size() - output_size.size(); i < sizes.size(); ++i) {
    maps->push_back(means(x.sizes()[i], sizes[i]));
  }
  return mapped(x, std::move(maps), op);
}

std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const OutputSize& output_size) {
  if (const auto cast = autocast::run(rules_of(output_size), adaptive_max_pool, x, output_size)) {
    return *cast;
  }
  const size_t spatial = output_size.size();
  const std::string_view op = window_op("AdaptiveMaxPool", spatial);
  check_floating(x, op);
  is_unbatched(x, spatial, op);
  check_not_empty(x, 1, op);
  const Dims sizes = pooled_sizes(x, output_size, op);
  const Tensor y = new_result(sizes, x);
  const Tensor indices = empty(sizes, DType::Int64, x.device());
  if (y.numel() > 0) {
    kernels_of(x).resample->max_of_ranges(as_planes(raw::contiguous(x), spatial),
                                          ranges(x.sizes(), sizes, spatial), as_planes(y, spatial),
                                          as_planes(indices, spatial));
  }
  if (autograd::needs_record(x)) {
    autograd::record(
        op, y, std::array{x}, std::array{indices},
        [x_sizes = x.sizes(), spatial](const autograd::Node&, const Tensors& grads,
                                       Tensors& grad_inputs, const std::array<Tensor, 1>& saved) {
          const Tensor grad = raw::contiguous(grads[0]);
          if (spatial < 3) check_not_empty(grad, 1, "gradient of AdaptiveMaxPool");
          const Tensor grad_x = new_result(x_sizes, grad);
          if (grad.numel() > 0) {
            kernels_of(grad).max_pool_grad(as_flat_planes(grad, spatial),
                                           as_flat_planes(saved[0], spatial),
                                           as_flat_planes(grad_x, spatial));
          } else {
            raw::fill_(grad_x, 0);
          }
          grad_inputs[0] = grad_x;
        });
  }
  return {y, indices};
}

}  // namespace nw::ops
