#include "core/tensor/tensor.h"

#include <array>
#include <cstddef>

namespace nw {
namespace {

bool is_dense(const Dims& sizes, const Dims& strides, const Dims& dense) {
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != 1 && strides[i] != dense[i]) return false;
  }
  return true;
}

/// is_dense for row-major strides, of a tensor that is not empty.
bool is_row_major(const Dims& sizes, const Dims& strides) {
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] != 1 && strides[i] != step) return false;
    step *= sizes[i];
  }
  return true;
}

/// Elements from the first to one past the last that the view can touch.
int64_t reach(const Dims& sizes, const Dims& strides) {
  int64_t last = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    int64_t step = 0;
    NW_CHECK(strides[i] >= 0 && !__builtin_mul_overflow(sizes[i] - 1, strides[i], &step) &&
                 !__builtin_add_overflow(last, step, &last) && last < INT64_MAX,
             "[tensor] strides ", to_string(strides), " do not suit sizes ", to_string(sizes));
  }
  return last + 1;
}

TensorImpl::Gradient& gradient_of(const TensorImpl& impl) {
  return const_cast<TensorImpl&>(impl).own_gradient();
}

template <typename T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// The number of one element.
Scalar decode(DType dtype, const std::byte* bytes) {
  switch (dtype) {
    case DType::Float32:
      return load<float>(bytes);
    case DType::Float64:
      return load<double>(bytes);
    case DType::Float16:
      return static_cast<double>(load<Half>(bytes));
    case DType::BFloat16:
      return static_cast<float>(load<BFloat16>(bytes));
    case DType::Complex64:
      return std::complex<double>(load<std::complex<float>>(bytes));
    case DType::Complex128:
      return load<std::complex<double>>(bytes);
    case DType::Int64:
      return load<int64_t>(bytes);
    case DType::Int32:
      return load<int32_t>(bytes);
    case DType::Int16:
      return int64_t{load<int16_t>(bytes)};
    case DType::Int8:
      return int64_t{load<int8_t>(bytes)};
    case DType::UInt8:
      return int64_t{load<uint8_t>(bytes)};
    case DType::Bool:
      return load<bool>(bytes);
  }
  NW_ASSERT(false);
}

}  // namespace

void TensorImpl::refresh() const {
  gradient->refresh(Tensor(const_cast<TensorImpl&>(*this)));
}

Tensor::Tensor(Ref<Storage> storage, const Dims& sizes, const Dims& strides, int64_t offset,
               DType dtype)
    : impl_(make_ref<TensorImpl>()) {
  NW_CHECK(sizes.size() == strides.size(), "[tensor] ", sizes.size(), " sizes but ", strides.size(),
           " strides");
  TensorImpl& impl = *impl_;
  impl.numel = nw::numel(sizes);
  impl.contiguous = impl.numel == 0 || is_row_major(sizes, strides);
  if (impl.numel > 0 && storage->device().type != DeviceType::Meta) {
    const auto capacity = static_cast<int64_t>(storage->bytes() / item_bytes(dtype));
    const int64_t needed = impl.contiguous ? impl.numel : reach(sizes, strides);
    NW_CHECK(offset >= 0 && offset <= capacity && needed <= capacity - offset,
             "[tensor] a view of ", to_string(sizes), " from element ", offset,
             " leaves its storage of ", capacity, " elements");
  }
  impl.storage = std::move(storage);
  impl.sizes = sizes;
  impl.strides = strides;
  impl.offset = impl.numel == 0 ? 0 : offset;  // views of nothing may stand anywhere
  impl.dtype = dtype;
}

const TensorImpl& Tensor::impl() const {
  NW_CHECK(impl_, "[tensor] is undefined");
  return *impl_;
}

void Tensor::check_dtype(DType expected) const {
  NW_CHECK(dtype() == expected, "[tensor] expects ", name(expected), ", gets ", name(dtype()));
}

const Dims& Tensor::sizes() const {
  return impl().sizes;
}
const Dims& Tensor::strides() const {
  return impl().strides;
}
int64_t Tensor::size(int64_t d) const {
  return sizes()[static_cast<size_t>(wrap_dim(d, dim(), "size"))];
}
int64_t Tensor::numel() const {
  return impl().numel;
}
DType Tensor::dtype() const {
  return impl().dtype;
}
Device Tensor::device() const {
  return impl().storage->device();
}
int64_t Tensor::offset() const {
  return impl().offset;
}
const Ref<Storage>& Tensor::storage() const {
  return impl().storage;
}
bool Tensor::is_contiguous() const {
  return impl().contiguous;
}

bool Tensor::is_channels_last() const {
  return dim() >= 3 &&
         (numel() == 0 || is_dense(sizes(), strides(), channels_last_strides(sizes())));
}

void* Tensor::raw() const {
  const TensorImpl& self = impl();
  auto* start = static_cast<char*>(self.storage->data());
  if (start == nullptr) return nullptr;
  return start + static_cast<size_t>(self.offset) * item_bytes(self.dtype);
}

double Tensor::item() const {
  return scalar().to_double();
}

Scalar Tensor::scalar() const {
  NW_CHECK(numel() == 1, "[item] expects one element, gets ", numel());
  NW_CHECK(raw() != nullptr, "[item] expects a tensor with numbers, gets one on ",
           to_string(device()));
  alignas(16) std::array<std::byte, sizeof(std::complex<double>)> bytes;
  storage()->allocator().read(raw(), item_bytes(dtype()), bytes.data());
  return decode(dtype(), bytes.data());
}

Tensor Tensor::as_strided(const Dims& sizes, const Dims& strides, int64_t offset) const {
  return Tensor(storage(), sizes, strides, offset, dtype());
}

Tensor Tensor::detach() const {
  return as_strided(sizes(), strides(), offset());
}

void Tensor::set_data(const Tensor& source) const {
  NW_CHECK(is_leaf(), "[set_data] expects a leaf");
  auto& self = const_cast<TensorImpl&>(impl());
  const TensorImpl& from = source.impl();
  self.storage = from.storage;
  self.sizes = from.sizes;
  self.strides = from.strides;
  self.offset = from.offset;
  self.numel = from.numel;
  self.dtype = from.dtype;
  self.contiguous = from.contiguous;
}

bool Tensor::requires_grad() const {
  const auto* gradient = impl().history();
  return gradient != nullptr && (gradient->requires_grad || gradient->grad_fn);
}

const Tensor& Tensor::set_requires_grad(bool on) const {
  NW_CHECK(!on || is_floating(dtype()) || is_complex(dtype()),
           "[requires_grad_] expects a floating-point or complex tensor, gets ", name(dtype()));
  if (!is_leaf()) {
    NW_CHECK(on, "[requires_grad_] can be turned off on leaves only; detach() gives one");
    return *this;
  }
  if (on || impl().gradient != nullptr) {
    auto& gradient = gradient_of(impl());
    gradient.requires_grad = on;
    if (gradient.slot) gradient.slot->frozen = !on;
  }
  return *this;
}

const Tensor& Tensor::grad() const {
  static const Tensor kNone;
  const auto* gradient = impl().gradient;
  return gradient == nullptr || !gradient->slot ? kNone : gradient->slot->grad;
}

void Tensor::set_grad(Tensor grad) const {
  if (!grad.defined() && !this->grad().defined()) return;
  NW_CHECK(!grad.defined() ||
               (grad.sizes() == sizes() && grad.dtype() == dtype() && grad.device() == device()),
           "[set_grad] expects a gradient of ", describe(*this), " on ", to_string(device()),
           ", gets ", describe(grad), grad.defined() ? " on " + to_string(grad.device()) : "");
  auto& gradient = gradient_of(impl());
  if (!gradient.slot) gradient.slot = make_ref<GradSlot>();
  gradient.slot->grad = std::move(grad);
}

const Ref<RefCounted>& Tensor::grad_fn() const {
  static const Ref<RefCounted> kNone;
  const auto* gradient = impl().history();
  return gradient == nullptr ? kNone : gradient->grad_fn;
}

uint32_t Tensor::output_index() const {
  const auto* gradient = impl().history();
  return gradient == nullptr ? 0 : gradient->output_index;
}

void Tensor::set_history(Ref<RefCounted> grad_fn, uint32_t output_index) const {
  auto& gradient = gradient_of(impl());
  gradient.grad_fn = std::move(grad_fn);
  gradient.output_index = output_index;
  gradient.fresh_version = storage()->version();
}

int Tensor::use_count() const {
  return impl_ ? impl_->use_count() : 0;
}

std::string describe(const Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  return concat(name(tensor.dtype()), " ", to_string(tensor.sizes()));
}

}  // namespace nw
