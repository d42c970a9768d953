#include "core/backend/creation.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/backend/backend.h"

namespace nw {

namespace {

/// The least and the largest number of a real or whole dtype.
std::pair<double, double> range_of(DType dtype) {
  const auto both = [](double largest) { return std::pair{-largest, largest}; };
  const auto whole = [](auto number) {
    using Limits = std::numeric_limits<decltype(number)>;
    return std::pair{static_cast<double>(Limits::min()), static_cast<double>(Limits::max())};
  };
  switch (dtype) {
    case DType::Float32:
      return both(std::numeric_limits<float>::max());
    case DType::Float64:
      return both(std::numeric_limits<double>::max());
    case DType::Float16:
      return both(65504);
    case DType::BFloat16:
      return both(0x1.FEp127);
    case DType::Int64:
      // The largest double below 2⁶³.
      return {-0x1p63, 0x1.FFFFFFFFFFFFFp62};
    case DType::Int32:
      return whole(int32_t{});
    case DType::Int16:
      return whole(int16_t{});
    case DType::Int8:
      return whole(int8_t{});
    default:
      return whole(uint8_t{});
  }
}

bool fits(double value, DType dtype) {
  if (!std::isfinite(value)) return is_floating(dtype);
  const auto [least, largest] = range_of(dtype);
  return least <= value && value <= largest;
}

bool fits(const Scalar& value, DType dtype) {
  if (dtype == DType::Bool) return true;
  if (value.is_complex()) {
    const std::complex<double> number = value.to_complex();
    const bool imaginary =
        is_complex(dtype) ? fits(number.imag(), real_of(dtype)) : number.imag() == 0;
    return imaginary && fits(number.real(), real_of(dtype));
  }
  if (value.is_real()) return fits(value.to_double(), real_of(dtype));
  if (dtype == DType::Int64) return true;
  if (dtype == DType::UInt8) return std::abs(value.to_double()) <= 255;
  return fits(value.to_double(), real_of(dtype));
}

}  // namespace

void check_fits(const Scalar& value, DType dtype, std::string_view op) {
  NW_CHECK(fits(value, dtype), "[", op, "] ", to_string(value), " is beyond the range of ",
           name(dtype));
}

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
  check_fits(value, dtype, "full");
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
