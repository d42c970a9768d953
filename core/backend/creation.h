#pragma once

#include <span>

#include "core/tensor/tensor.h"

namespace nw {

/// Where tensors are made when no device is named: the CPU, unless a DeviceGuard says otherwise.
Device default_device();

/// While it lives, tensors of this thread are made on `device` unless another one is named. Modules
/// made under a guard for meta have shapes and no numbers, and draw nothing at random.
class DeviceGuard {
 public:
  explicit DeviceGuard(Device device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  Device before_;
};

/// Uninitialised dense memory on `device`.
Tensor empty(const Dims& sizes, DType dtype = DType::Float32, Device device = default_device());
/// An uninitialised dense tensor with the sizes, dtype and device of `like`.
Tensor empty_like(const Tensor& like);
Tensor zeros(const Dims& sizes, DType dtype = DType::Float32, Device device = default_device());
Tensor full(const Dims& sizes, const Scalar& value, DType dtype = DType::Float32,
            Device device = default_device());

/// Throws Error when `value` is beyond the range of `dtype`, as torch where it converts one number:
/// infinities and NaN are beyond that of whole numbers, and an imaginary part beyond that of real
/// ones. Whole numbers down to −255 wrap around in uint8, and bool takes all.
void check_fits(const Scalar& value, DType dtype, std::string_view op);

/// A CPU tensor holding a copy of `values`, which must fill `sizes`.
template <typename T>
Tensor tensor_of(std::span<const T> values, const Dims& sizes) {
  const Tensor out = empty(sizes, DTypeOf<T>::value, kCpu);
  NW_CHECK(out.numel() == static_cast<int64_t>(values.size()), "[tensor] ", values.size(),
           " values do not fill ", to_string(sizes));
  std::copy(values.begin(), values.end(), out.data<T>());
  return out;
}

/// The functions below never record history.
namespace raw {

/// A dense copy.
Tensor clone(const Tensor& x);
/// `x` if it is dense row-major, else a dense copy.
Tensor contiguous(const Tensor& x);
/// `x` if it has the dtype already, else a converted dense copy.
Tensor to(const Tensor& x, DType dtype);
/// `x` if it is there already, else a copy on the device.
Tensor to(const Tensor& x, Device device);
/// Writes `source` (broadcast, converted) into `target` in place and bumps its version.
void copy_(const Tensor& target, const Tensor& source);
void fill_(const Tensor& target, const Scalar& value);
/// `x` with the sizes of `sizes` by stride 0 where it has size 1 or no dimension.
Tensor expand(const Tensor& x, const Dims& sizes);

}  // namespace raw
}  // namespace nw
