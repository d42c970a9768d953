#pragma once

#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw {

/// torch.autocast: while it lives, ops of this thread on tensors of one kind of device take them in
/// the dtype that suits each op: `dtype` where that is fast and does no harm, float32 where
/// rounding hurts. May be nested; the inner one counts. Backward runs in the dtypes that forward
/// had; call it outside. What a leaf was rounded to is kept until the outermost one ends, unless
/// `cache` is false. Source: torch.autocast (1.13).
class Autocast {
 public:
  /// Without a dtype: that of the Autocast around it, else bfloat16 on the CPU, float16 on others.
  /// Throws Error for a dtype other than float16 and bfloat16.
  explicit Autocast(DeviceType device, std::optional<DType> dtype = {}, bool enabled = true,
                    bool cache = true);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  DeviceType device_;
  bool enabled_before_;
  DType dtype_before_;
  bool cache_before_;
};

/// torch.is_autocast_enabled() and torch.get_autocast_gpu_dtype(), and those of the CPU.
bool is_autocast_enabled(DeviceType device);
DType autocast_dtype(DeviceType device);

/// How ops take part. Each op that does begins with a line
///
///     if (const auto cast = autocast::run(autocast::kLower, mm, a, b)) return *cast;
///
/// so that what is to become of an op under autocast is said there, and nowhere else. An op without
/// such a line takes tensors as they come; ops that it is made of act by themselves.
namespace ops::autocast {

enum class Rule : uint8_t {
  Parts,    // the ops that it is made of act by themselves
  Whole,    // takes tensors as they come, and so do the ops that it is made of
  Lower,    // in autocast's dtype
  Float32,  // in float32
  Widest,   // in float32 if one of the tensors is, else in autocast's dtype
  Unsafe,   // throws Error: it takes logarithms of probabilities, which 16 bits cannot tell from 0
};

/// What is done on each kind of device; PyTorch's two lists differ.
struct Rules {
  Rule cpu, gpu;
};
inline constexpr Rules kLower{Rule::Lower, Rule::Lower};
inline constexpr Rules kFloat32{Rule::Float32, Rule::Float32};
inline constexpr Rules kFloat32OnCpu{Rule::Float32, Rule::Whole};
inline constexpr Rules kFloat32OnGpu{Rule::Whole, Rule::Float32};
inline constexpr Rules kWidestOnCpu{Rule::Widest, Rule::Whole};
inline constexpr Rules kWidestOnGpu{Rule::Whole, Rule::Widest};
inline constexpr Rules kWhole{Rule::Whole, Rule::Whole};

namespace detail {

inline thread_local int on = 0;  // kinds of devices for which it is enabled

inline void first_device(const Tensor& tensor, std::optional<DeviceType>& device) {
  if (!device && tensor.defined()) device = tensor.device().type;
}
template <typename T>
void first_device(const T& argument, std::optional<DeviceType>& device) {
  if constexpr (std::is_convertible_v<const T&, std::span<const Tensor>>) {
    for (const Tensor& tensor : std::span<const Tensor>(argument)) first_device(tensor, device);
  }
}

[[noreturn]] void refuse();

/// Switches it off for one kind of device while it lives.
class Off {
 public:
  explicit Off(DeviceType device);
  ~Off();
  Off(const Off&) = delete;
  Off& operator=(const Off&) = delete;

 private:
  DeviceType device_;
};

}  // namespace detail

/// Whether ops on this device are cast.
bool is_on(Device device);

/// Gives arguments the dtype that a rule asks for; everything but floating-point tensors of less
/// than 64 bits on its kind of device goes through as it is.
class Caster {
 public:
  Caster(DeviceType device, Rule rule) : device_(device), rule_(rule) {}

  /// Goes over all arguments first, for Rule::Widest.
  void look(const Tensor& tensor);
  template <typename T>
  void look(const T& argument) {
    if constexpr (std::is_convertible_v<const T&, std::span<const Tensor>>) {
      for (const Tensor& tensor : std::span<const Tensor>(argument)) look(tensor);
    }
  }

  Tensor operator()(const Tensor& tensor) const;
  template <typename T>
  auto operator()(const T& argument) const {
    if constexpr (std::is_convertible_v<const T&, std::span<const Tensor>>) {
      std::vector<Tensor> all;
      for (const Tensor& tensor : std::span<const Tensor>(argument)) all.push_back((*this)(tensor));
      return all;
    } else if constexpr (requires { argument.weight.is_same(Tensor()); }) {
      T options = argument;
      options.weight = (*this)(argument.weight);
      return options;
    } else {
      return argument;
    }
  }

 private:
  bool takes(const Tensor& tensor) const;

  DeviceType device_;
  Rule rule_;
  bool wide_ = false;  // a float32 tensor was seen
};

/// The rule for this device where autocast is on there, else Rule::Parts.
Rule rule_of(const Rules& rules, DeviceType device);

/// The op's result under autocast; nothing where it is off, or where the op need not care.
template <typename Op, typename... Arguments>
auto run(const Rules& rules, Op&& op, const Arguments&... arguments)
    -> std::optional<std::invoke_result_t<Op, const Arguments&...>> {
  if (detail::on == 0) [[likely]]
    return std::nullopt;
  std::optional<DeviceType> device;
  (detail::first_device(arguments, device), ...);
  const Rule rule = device ? rule_of(rules, *device) : Rule::Parts;
  if (rule == Rule::Parts) return std::nullopt;
  if (rule == Rule::Unsafe) detail::refuse();
  Caster caster(*device, rule);
  (caster.look(arguments), ...);
  const std::tuple<decltype(caster(arguments))...> cast{caster(arguments)...};
  const detail::Off off(*device);
  return std::apply(op, cast);
}

}  // namespace ops::autocast
}  // namespace nw
