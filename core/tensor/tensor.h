#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/base/inline_vector.h"
#include "core/base/intrusive.h"
#include "core/tensor/device.h"
#include "core/tensor/dtype.h"
#include "core/tensor/scalar.h"
#include "core/tensor/shape.h"
#include "core/tensor/storage.h"

namespace nw {

struct TensorImpl;

/// A strided, typed view of a Storage (torch.Tensor): copying the handle shares the numbers. A
/// default-constructed Tensor is undefined. Handles may be copied across threads; writing the same
/// numbers from two threads at once is the caller's fault. Creation is in core/backend/creation.h,
/// differentiable functions in core/ops, backward in core/autograd.
class Tensor {
 public:
  Tensor() = default;
  /// A view of `storage`; strides and offset count elements. Throws Error when it leaves the
  /// storage.
  Tensor(Ref<Storage> storage, const Dims& sizes, const Dims& strides, int64_t offset, DType dtype);

  bool defined() const { return static_cast<bool>(impl_); }
  explicit operator bool() const { return defined(); }
  const Dims& sizes() const;
  const Dims& strides() const;
  int64_t dim() const { return static_cast<int64_t>(sizes().size()); }
  /// Negative `d` counts from the end.
  int64_t size(int64_t d) const;
  int64_t numel() const;
  DType dtype() const;
  Device device() const;
  int64_t offset() const;
  const Ref<Storage>& storage() const;
  /// Dense and row-major.
  bool is_contiguous() const;
  /// Dense with channels innermost; (N, C, spatial…) only.
  bool is_channels_last() const;

  /// Pointer to the first element, in the device's memory; null on meta. Throws Error when T is not
  /// the dtype.
  template <typename T>
  T* data() const {
    check_dtype(DTypeOf<T>::value);
    return static_cast<T*>(raw());
  }
  void* raw() const;
  /// The only element as a double (its real part), for which a GPU is waited for; throws Error
  /// unless numel is 1, and on meta.
  double item() const;
  /// The same in its own kind, exact.
  Scalar scalar() const;

  /// Another view of the same numbers, without history.
  Tensor as_strided(const Dims& sizes, const Dims& strides, int64_t offset) const;
  /// Same numbers, no history.
  Tensor detach() const;
  /// Lets every handle of this very tensor see the numbers of `source` (sizes, dtype and device may
  /// change), as torch's `x.data = source`. Keeps its gradient and requires_grad; leaves only.
  void set_data(const Tensor& source) const;

  bool requires_grad() const;
  /// Marks a leaf; throws Error unless floating point or complex.
  const Tensor& set_requires_grad(bool on = true) const;
  bool is_leaf() const { return !grad_fn(); }
  /// The accumulated gradient of a leaf, or of a tensor that autograd::retain_grad() named;
  /// undefined until backward reaches it.
  const Tensor& grad() const;
  /// Throws Error for a gradient of other sizes, of another dtype or elsewhere.
  void set_grad(Tensor grad) const;

  /// The autograd::Node that made this tensor while recording, and which of its outputs this is;
  /// null for leaves. Set by core/autograd.
  const Ref<RefCounted>& grad_fn() const;
  uint32_t output_index() const;
  void set_history(Ref<RefCounted> grad_fn, uint32_t output_index) const;

  /// Handles to this very tensor object.
  int use_count() const;
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }

 private:
  friend TensorImpl& impl_of(const Tensor& tensor);
  friend TensorImpl;

  explicit Tensor(TensorImpl& impl) : impl_(&impl) {}
  const TensorImpl& impl() const;
  void check_dtype(DType expected) const;

  Ref<TensorImpl> impl_;
};

/// The tensors that go into or come out of one module or function.
using Tensors = InlineVector<Tensor, 8>;

/// "float32 64×1×28×28", for messages.
std::string describe(const Tensor& tensor);

/// Where a gradient is put. The graph shares it with its tensor, which may go first.
struct GradSlot final : RefCounted {
  Tensor grad;
  bool frozen = false;  // since the graph was recorded: what arrives is dropped
};

/// What may become of a view that is edited in place while recording.
enum class ViewKind : uint8_t { Normal, MadeUnderNoGrad, OneOfMany };

/// Part of Tensor; here so that handles copy inline.
struct TensorImpl final : RefCounted {
  struct Gradient : Pooled {
    Gradient() = default;
    Gradient(const Gradient&) = delete;
    Gradient& operator=(const Gradient&) = delete;
    virtual ~Gradient() {
      if (const RefCounted* node = accumulator.load(std::memory_order_acquire)) node->release();
    }

    bool requires_grad = false;
    Ref<GradSlot> slot;  // made on first use
    Ref<RefCounted> grad_fn;
    uint32_t output_index = 0;
    /// A leaf's end of every graph; owned. Made by core/autograd on first use, from any thread.
    std::atomic<const RefCounted*> accumulator{nullptr};
    /// Of a view: what it is a view of (never itself a view), the version of the storage at which
    /// grad_fn was right, and what sets it right after an edit in place.
    Tensor base;
    ViewKind kind = ViewKind::Normal;
    uint32_t fresh_version = 0;
    void (*refresh)(const Tensor& view) = nullptr;
  };

  ~TensorImpl() override { delete gradient; }

  /// The gradient's part, with a history that is up to date; null: none.
  const Gradient* history() const {
    if (gradient != nullptr && gradient->base && gradient->fresh_version != storage->version())
        [[unlikely]] {
      refresh();
    }
    return gradient;
  }
  /// The gradient's part, made where there was none.
  Gradient& own_gradient() {
    if (gradient == nullptr) gradient = new Gradient;
    return *gradient;
  }

  Ref<Storage> storage;
  Dims sizes;
  Dims strides;
  int64_t offset = 0;
  int64_t numel = 0;
  DType dtype = DType::Float32;
  bool contiguous = true;
  Gradient* gradient = nullptr;  // made on first use

 private:
  void refresh() const;
};

/// What a defined tensor is made of, for core/autograd.
inline TensorImpl& impl_of(const Tensor& tensor) {
  return *tensor.impl_;
}

}  // namespace nw
