#include "core/ops/autocast.h"

#include <array>
#include <unordered_map>

#include "core/autograd/node.h"
#include "core/base/error.h"
#include "core/ops/promotion.h"

namespace nw {
namespace {

using ops::autocast::detail::on;

struct Mode {
  bool enabled = false;
  DType dtype = DType::Float16;
};

/// What a leaf was rounded to, good for as long as the leaf stays as it is.
struct Rounded {
  Tensor leaf;
  Ref<Storage> storage;
  uint32_t version = 0;
  Tensor rounded;
};

struct State {
  std::array<Mode, 2> modes{Mode{false, DType::BFloat16}, Mode{}};  // of the CPU, of others
  bool cache = true;
  int depth = 0;
  std::unordered_map<const TensorImpl*, Rounded> leaves;
};

State& state() {
  static thread_local State one;
  return one;
}

Mode& mode_of(DeviceType device) {
  return state().modes[device == DeviceType::Cpu ? 0 : 1];
}

void enable(DeviceType device, bool enabled) {
  Mode& mode = mode_of(device);
  on += static_cast<int>(enabled) - static_cast<int>(mode.enabled);
  mode.enabled = enabled;
}

bool is_kept(const Tensor& tensor) {
  return state().cache && autograd::grad_enabled() && tensor.dtype() == DType::Float32 &&
         tensor.requires_grad() && tensor.is_leaf();
}

Tensor rounded(const Tensor& tensor, DType dtype) {
  if (!is_kept(tensor)) return ops::to(tensor, dtype);
  Rounded& known = state().leaves[&impl_of(tensor)];
  const uint32_t version = tensor.storage()->version();
  const bool fresh = known.rounded.defined() && known.rounded.dtype() == dtype &&
                     known.version == version && known.storage == tensor.storage();
  if (!fresh) known = {tensor, tensor.storage(), version, ops::to(tensor, dtype)};
  return known.rounded;
}

}  // namespace

Autocast::Autocast(DeviceType device, std::optional<DType> dtype, bool enabled, bool cache)
    : device_(device),
      enabled_before_(mode_of(device).enabled),
      dtype_before_(mode_of(device).dtype),
      cache_before_(state().cache) {
  NW_CHECK(!dtype || is_half(*dtype), "[autocast] expects float16 or bfloat16, gets ",
           name(dtype.value_or(DType::Float32)));
  enable(device, enabled);
  mode_of(device).dtype = dtype.value_or(dtype_before_);
  state().cache = cache;
  ++state().depth;
}

Autocast::~Autocast() {
  enable(device_, enabled_before_);
  mode_of(device_).dtype = dtype_before_;
  state().cache = cache_before_;
  if (--state().depth == 0) state().leaves.clear();
}

bool is_autocast_enabled(DeviceType device) {
  return mode_of(device).enabled;
}

DType autocast_dtype(DeviceType device) {
  return mode_of(device).dtype;
}

namespace ops::autocast {

void detail::refuse() {
  throw Error(
      "[autocast] BCELoss is unsafe in 16 bits, where a probability next to 0 or 1 becomes 0 or 1; "
      "use BCEWithLogitsLoss and leave the Sigmoid out");
}

detail::Off::Off(DeviceType device) : device_(device) {
  enable(device, false);
}

detail::Off::~Off() {
  enable(device_, true);
}

bool is_on(Device device) {
  return detail::on > 0 && rule_of(kWhole, device.type) != Rule::Parts;
}

Rule rule_of(const Rules& rules, DeviceType device) {
  if (device == DeviceType::Meta || !mode_of(device).enabled) return Rule::Parts;
  return device == DeviceType::Cpu ? rules.cpu : rules.gpu;
}

bool Caster::takes(const Tensor& tensor) const {
  return tensor.defined() && tensor.device().type == device_ && is_floating(tensor.dtype()) &&
         tensor.dtype() != DType::Float64;
}

void Caster::look(const Tensor& tensor) {
  wide_ = wide_ || (takes(tensor) && tensor.dtype() == DType::Float32);
}

Tensor Caster::operator()(const Tensor& tensor) const {
  if (rule_ == Rule::Whole || !takes(tensor)) return tensor;
  const bool narrow = rule_ == Rule::Lower || (rule_ == Rule::Widest && !wide_);
  if (!narrow) return to(tensor, DType::Float32);
  const DType dtype = mode_of(device_).dtype;
  return tensor.dtype() == dtype ? tensor : rounded(tensor, dtype);
}

}  // namespace ops::autocast
}  // namespace nw
