#include "core/backend/fetch.h"

#include "core/backend/creation.h"

namespace nw {

Fetch::Fetch(const Tensor& one) {
  NW_CHECK(one.numel() == 1 && one.device() != kMeta, "[item] expects one element, gets ",
           describe(one));
  const Device device = one.device();
  host_ = empty_staging(one.sizes(), one.dtype(), device);
  if (device == kCpu) {
    kernels_of(one).copy(one, host_);
    return;
  }
  Backend& backend = backend_of(device);
  backend.transfer({one.raw(), device, host_.raw(), kCpu, item_bytes(one.dtype())});
  come_ = backend.mark(device);
}

Scalar Fetch::get() {
  if (come_) come_->wait();
  return host_.scalar();
}

Tensor empty_staging(const Dims& sizes, DType dtype, Device device) {
  const size_t bytes = static_cast<size_t>(numel(sizes)) * item_bytes(dtype);
  auto storage = make_ref<Storage>(kCpu, bytes, backend_of(device).host_allocator());
  return Tensor(std::move(storage), sizes, contiguous_strides(sizes), 0, dtype);
}

}  // namespace nw
