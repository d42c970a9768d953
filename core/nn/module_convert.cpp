#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/nn/module.h"

namespace nw::nn {
namespace {

bool is_integer(DType dtype) {
  return !is_floating(dtype) && dtype != DType::Complex64 && dtype != DType::Complex128;
}

Dims strides_of(const Tensor& x, const std::optional<MemoryFormat>& format) {
  const bool may_ask = x.dim() == 4 || x.dim() == 5;
  if (may_ask && format && *format != MemoryFormat::Contiguous) {
    const int64_t rank = *format == MemoryFormat::ChannelsLast ? 4 : 5;
    NW_CHECK(x.dim() == rank, "[to] this memory format is for tensors of ", rank,
             " dimensions; there is a parameter of ", to_string(x.sizes()));
    return channels_last_strides(x.sizes());
  }
  const bool keeps = !(may_ask && format) && x.is_channels_last() && !x.is_contiguous();
  return keeps ? channels_last_strides(x.sizes()) : contiguous_strides(x.sizes());
}

Tensor converted(const Tensor& x, DType dtype, Device device, const Dims& strides) {
  if (x.dtype() == dtype && x.device() == device && x.strides() == strides) return x;
  const Tensor out = empty(Dims{x.numel()}, dtype, device).as_strided(x.sizes(), strides, 0);
  if (x.numel() > 0) raw::copy_(out, raw::to(x, device));
  return out;
}

}  // namespace

void Module::convert(const std::function<Tensor(const Tensor&)>& function) {
  const auto replace = [&](const Tensor& tensor) {
    if (!tensor.defined()) return;
    const Tensor now = function(tensor);
    if (now.is_same(tensor)) return;
    tensor.set_data(now);
    if (tensor.grad().defined()) tensor.set_grad(function(tensor.grad()));
  };
  for (Module* module : modules()) {
    for (const Parameter& parameter : module->parameters_) replace(parameter.tensor);
    for (const Buffer& buffer : module->buffers_) replace(buffer.tensor);
  }
}

Module& Module::to(const Conversion& conversion) {
  NW_CHECK(!conversion.dtype || !is_integer(*conversion.dtype), "[", kind(),
           "] to() expects a floating-point or complex dtype, gets ",
           name(conversion.dtype.value_or(DType::Float32)));
  convert([&](const Tensor& x) {
    const DType dtype = is_integer(x.dtype()) ? x.dtype() : conversion.dtype.value_or(x.dtype());
    return converted(x, dtype, conversion.device.value_or(x.device()),
                     strides_of(x, conversion.memory_format));
  });
  return *this;
}

Module& Module::type(DType dtype) {
  for (const Tensor& parameter : parameters()) {
    NW_CHECK(!is_integer(dtype) || !parameter.requires_grad(), "[", kind(),
             "] parameters that need a gradient cannot become ", name(dtype));
  }
  convert([&](const Tensor& x) {
    return converted(x, dtype, x.device(), strides_of(x, std::nullopt));
  });
  return *this;
}

Module& Module::cuda(int index) {
  return to(Device{DeviceType::Cuda, index});
}

}  // namespace nw::nn
