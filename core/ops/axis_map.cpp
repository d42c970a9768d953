#include "core/ops/axis_map.h"

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

Tensor along_axis(const Tensor& x, size_t dim, const AxisMap& map) {
  Dims sizes = x.sizes();
  int64_t outer = 1;
  int64_t inner = 1;
  for (size_t i = 0; i < dim; ++i) outer *= sizes[i];
  for (size_t i = dim + 1; i < sizes.size(); ++i) inner *= sizes[i];
  sizes[dim] = map.outputs();
  const Tensor y = new_result(sizes, x);
  if (y.numel() == 0) return y;
  kernels_of(x).resample->along_axis(view_dense(x, Dims{outer, map.inputs, inner}), map,
                                     view_dense(y, Dims{outer, map.outputs(), inner}));
  return y;
}

Tensor along_axes(const Tensor& x, const AxisMaps& maps) {
  const DType dtype = is_half(x.dtype()) ? DType::Float32 : x.dtype();
  Tensor y = raw::to(raw::contiguous(x), dtype);
  const size_t first = x.sizes().size() - maps.size();
  for (size_t i = 0; i < maps.size(); ++i) y = along_axis(y, first + i, maps[i]);
  return raw::to(y, x.dtype());
}

}  // namespace

AxisMap transposed(const AxisMap& map) {
  AxisMap out;
  out.inputs = map.outputs();
  out.first.assign(static_cast<size_t>(map.inputs) + 1, 0);
  for (int64_t source : map.source) ++out.first[static_cast<size_t>(source) + 1];
  for (size_t i = 1; i < out.first.size(); ++i) out.first[i] += out.first[i - 1];
  out.source.resize(map.source.size());
  out.weight.resize(map.weight.size());
  std::vector<int64_t> next(out.first.begin(), out.first.end() - 1);
  for (int64_t i = 0; i < out.inputs; ++i) {
    const auto end = static_cast<size_t>(map.first[static_cast<size_t>(i) + 1]);
    for (auto k = static_cast<size_t>(map.first[static_cast<size_t>(i)]); k < end; ++k) {
      const auto at = static_cast<size_t>(next[static_cast<size_t>(map.source[k])]++);
      out.source[at] = i;
      out.weight[at] = map.weight[k];
    }
  }
  return out;
}

Tensor mapped(const Tensor& x, std::shared_ptr<const AxisMaps> maps, std::string_view op,
              std::shared_ptr<const AxisMaps> learned) {
  const Tensor y = along_axes(x, *maps);
  if (autograd::needs_record(x)) {
    if (learned == nullptr) learned = maps;
    autograd::record(op, y, std::array{x}, std::array<Tensor, 0>{},
                     [learned, op](const autograd::Node&, const Tensors& grads,
                                   Tensors& grad_inputs, const auto&) {
                       // As torch, which gives no gradient where averaging left nothing but
                       // samples, except in three dimensions.
                       const bool refuses = op != "AdaptiveAvgPool3d";
                       for (size_t i = 1; i < grads[0].sizes().size(); ++i) {
                         NW_CHECK(!refuses || grads[0].sizes()[i] > 0, "[", op,
                                  "] has no gradient of an empty result, ",
                                  to_string(grads[0].sizes()));
                       }
                       AxisMaps back;
                       for (const AxisMap& map : *learned) back.push_back(transposed(map));
                       grad_inputs[0] = along_axes(grads[0], back);
                     });
  }
  return y;
}

}  // namespace nw::ops
