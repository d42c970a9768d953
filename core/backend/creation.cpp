#include "core/backend/creation.h"

#include "core/backend/backend.h"

namespace nw {

Tensor empty(const Dims& sizes, DType dtype, Device device) {
  const int64_t count = numel(sizes);
  size_t bytes = 0;
  NW_CHECK(!__builtin_mul_overflow(static_cast<size_t>(count), item_bytes(dtype), &bytes),
           "[shape] is too large: ", to_string(sizes));
  auto storage = make_ref<Storage>(device, bytes, backend_of(device).allocator(device));
  return Tensor(std::move(storage), sizes, contiguous_strides(sizes), 0, dtype);
}

Tensor empty_like(const Tensor& like) {
  return empty(like.sizes(), like.dtype(), like.device());
}

Tensor zeros(const Dims& sizes, DType dtype, Device device) {
  return full(sizes, 0, dtype, device);
}

Tensor full(const Dims& sizes, const Scalar& value, DType dtype, Device device) {
  const Tensor out = empty(sizes, dtype, device);
  kernels_of(out).fill(out, value);
  return out;
}

namespace raw {
namespace {

/// The kernels that move numbers between two devices: those of the one that is not the CPU.
const Kernels& movers(Device from, Device to) {
  NW_CHECK(from.type != DeviceType::Meta || to.type == DeviceType::Meta,
           "[copy] a meta tensor has no numbers to copy to ", to_string(to));
  return backend_of(to.type == DeviceType::Cpu ? from : to).kernels();
}

Tensor copied(const Tensor& x, DType dtype, Device device) {
  const Kernels& kernels = movers(x.device(), device);
  const Tensor out = empty(x.sizes(), dtype, device);
  kernels.copy(x, out);
  return out;
}

}  // namespace

Tensor clone(const Tensor& x) {
  return copied(x, x.dtype(), x.device());
}

Tensor contiguous(const Tensor& x) {
  return x.is_contiguous() ? x : clone(x);
}

Tensor to(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : copied(x, dtype, x.device());
}

Tensor to(const Tensor& x, Device device) {
  return x.device() == device ? x : copied(x, x.dtype(), device);
}

void copy_(const Tensor& target, const Tensor& source) {
  const Tensor from = expand(source, target.sizes());
  movers(source.device(), target.device()).copy(from, target);
  target.storage()->bump_version();
}

void fill_(const Tensor& target, const Scalar& value) {
  kernels_of(target).fill(target, value);
  target.storage()->bump_version();
}

Tensor expand(const Tensor& x, const Dims& sizes) {
  NW_CHECK(broadcast(x.sizes(), sizes, "expand") == sizes, "[expand] ", to_string(x.sizes()),
           " does not broadcast to ", to_string(sizes));
  const size_t added = sizes.size() - x.sizes().size();
  Dims strides(sizes.size());
  for (size_t i = added; i < sizes.size(); ++i) {
    if (x.sizes()[i - added] == sizes[i]) strides[i] = x.strides()[i - added];
  }
  return x.as_strided(sizes, strides, x.offset());
}

}  // namespace raw
}  // namespace nw
