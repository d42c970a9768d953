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

bool lie_alike(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.sizes() == b.sizes() && a.strides() == b.strides() &&
         is_dense_any_order(a.sizes(), a.strides());
}

/// The same bytes on another device; the tensors lie alike.
void transfer(const Tensor& from, const Tensor& to) {
  if (from.numel() == 0) return;
  const size_t bytes = static_cast<size_t>(from.numel()) * item_bytes(from.dtype());
  backend_of(to.device() == kCpu ? from.device() : to.device())
      .transfer({from.raw(), from.device(), to.raw(), to.device(), bytes});
}

void check_numbers(Device from, Device to) {
  NW_CHECK(from.type != DeviceType::Meta || to.type == DeviceType::Meta,
           "[copy] a meta tensor has no numbers to copy to ", to_string(to));
}

/// target (any strides, dtype and device) = source, broadcast
void copy_to(const Tensor& source, const Tensor& target) {
  const Device from = source.device();
  const Device to = target.device();
  check_numbers(from, to);
  if (from == to || to.type == DeviceType::Meta) {
    kernels_of(target).copy(expand(source, target.sizes()), target);
  } else if (lie_alike(source, target)) {
    transfer(source, target);
  } else {
    // What is sent is dense and not broadcast; the other side puts it in its place.
    const Tensor dense = contiguous(source);
    const Tensor arrived = empty(source.sizes(), source.dtype(), to);
    transfer(dense, arrived);
    kernels_of(target).copy(expand(arrived, target.sizes()), target);
  }
}

Tensor copied(const Tensor& x, DType dtype, Device device) {
  check_numbers(x.device(), device);  // before memory is asked for
  const Tensor out = empty(x.sizes(), dtype, device);
  copy_to(x, out);
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
  copy_to(source, target);
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
