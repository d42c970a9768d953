#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/backend/math_mode.h"
#include "core/backend/out_of_memory.h"
#include "plugins/cuda/conv_descriptors.h"
#include "plugins/cuda/conv_room.h"
#include "plugins/cuda/cudnn_plans.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/kernels/kernels.h"

// Convolutions by cuDNN. Algorithms are chosen once for each shape, those that repeat bit for bit
// before others: by cuDNN's own judgement, or by trying (math_mode().benchmark).
namespace nw::cuda {
namespace {

constexpr size_t kMostWorkspaceBytes = size_t{1} << 30;
constexpr size_t kMostPlans = 1024;
constexpr int kMostAlgorithms = 16;

/// The memory of a convolution; what a pass computes is written.
struct Operands {
  void* x;
  void* weight;
  void* y;
};

/// The three passes, with the same function names inside.
struct ForwardPass {
  using Algorithm = cudnnConvolutionFwdAlgo_t;
  using Result = cudnnConvolutionFwdAlgoPerf_t;

  static cudnnStatus_t advise(cudnnHandle_t handle, const ConvDescriptors& d, int* count,
                              Result* results) {
    return NW_CUDNN(cudnnGetConvolutionForwardAlgorithm_v7)(handle, d.x.get(), d.weight.get(),
                                                            d.conv.get(), d.y.get(),
                                                            kMostAlgorithms, count, results);
  }
  static cudnnStatus_t measure(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                               void* room, size_t bytes, int* count, Result* results) {
    return NW_CUDNN(cudnnFindConvolutionForwardAlgorithmEx)(
        handle, d.x.get(), o.x, d.weight.get(), o.weight, d.conv.get(), d.y.get(), o.y,
        kMostAlgorithms, count, results, room, bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                           const void* one, const void* zero, Algorithm algorithm, void* room,
                           size_t bytes) {
    return NW_CUDNN(cudnnConvolutionForward)(handle, one, d.x.get(), o.x, d.weight.get(), o.weight,
                                             d.conv.get(), algorithm, room, bytes, zero, d.y.get(),
                                             o.y);
  }
};

struct InputPass {
  using Algorithm = cudnnConvolutionBwdDataAlgo_t;
  using Result = cudnnConvolutionBwdDataAlgoPerf_t;

  static cudnnStatus_t advise(cudnnHandle_t handle, const ConvDescriptors& d, int* count,
                              Result* results) {
    return NW_CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7)(handle, d.weight.get(), d.y.get(),
                                                                 d.conv.get(), d.x.get(),
                                                                 kMostAlgorithms, count, results);
  }
  static cudnnStatus_t measure(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                               void* room, size_t bytes, int* count, Result* results) {
    return NW_CUDNN(cudnnFindConvolutionBackwardDataAlgorithmEx)(
        handle, d.weight.get(), o.weight, d.y.get(), o.y, d.conv.get(), d.x.get(), o.x,
        kMostAlgorithms, count, results, room, bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                           const void* one, const void* zero, Algorithm algorithm, void* room,
                           size_t bytes) {
    return NW_CUDNN(cudnnConvolutionBackwardData)(handle, one, d.weight.get(), o.weight, d.y.get(),
                                                  o.y, d.conv.get(), algorithm, room, bytes, zero,
                                                  d.x.get(), o.x);
  }
};

struct WeightPass {
  using Algorithm = cudnnConvolutionBwdFilterAlgo_t;
  using Result = cudnnConvolutionBwdFilterAlgoPerf_t;

  static cudnnStatus_t advise(cudnnHandle_t handle, const ConvDescriptors& d, int* count,
                              Result* results) {
    return NW_CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7)(handle, d.x.get(), d.y.get(),
                                                                   d.conv.get(), d.weight.get(),
                                                                   kMostAlgorithms, count, results);
  }
  static cudnnStatus_t measure(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                               void* room, size_t bytes, int* count, Result* results) {
    return NW_CUDNN(cudnnFindConvolutionBackwardFilterAlgorithmEx)(
        handle, d.x.get(), o.x, d.y.get(), o.y, d.conv.get(), d.weight.get(), o.weight,
        kMostAlgorithms, count, results, room, bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvDescriptors& d, const Operands& o,
                           const void* one, const void* zero, Algorithm algorithm, void* room,
                           size_t bytes) {
    return NW_CUDNN(cudnnConvolutionBackwardFilter)(handle, one, d.x.get(), o.x, d.y.get(), o.y,
                                                    d.conv.get(), algorithm, room, bytes, zero,
                                                    d.weight.get(), o.weight);
  }
};

/// None: there is not so much memory; `needed`: that throws OutOfMemory.
std::optional<Tensor> workspace_of(size_t bytes, const Tensor& like, bool needed) {
  try {
    return room_for(bytes, like);
  } catch (const OutOfMemory&) {
    if (needed) throw;
    return std::nullopt;
  }
}

/// One pass of one shape: descriptors, and the algorithms in the order in which they are tried.
template <typename Pass>
class Plan {
 public:
  Plan(const ConvShape& shape, const Operands& operands, const Tensor& like)
      : wide_(shape.dtype == DType::Float64),
        exact_(shape.dtype == DType::Float32 && !shape.tf32),
        descriptors_(shape) {
    cudnnHandle_t handle = cudnn_handle(shape.device);
    std::array<typename Pass::Result, kMostAlgorithms> results{};
    int count = 0;
    cudnnStatus_t status = Pass::advise(handle, descriptors_, &count, results.data());
    if (is_not_supported(status)) return;
    check_cudnn(status, "choose an algorithm for a convolution");
    if (shape.measured) {
      const Tensor room = room_to_measure(results.data(), count, like);
      status = Pass::measure(handle, descriptors_, operands, memory_of(room),
                             room.defined() ? static_cast<size_t>(room.numel()) : 0, &count,
                             results.data());
    }
    if (is_not_supported(status)) return;
    check_cudnn(status, "choose an algorithm for a convolution");
    add(results.data(), count, true);
    add(results.data(), count, false);
  }

  /// False: there is no algorithm.
  bool run(const ConvShape& shape, const Operands& operands, const Tensor& like) {
    const double one = 1;
    const double zero = 0;
    const float narrow_one = 1;
    const float narrow_zero = 0;
    const void* alpha = wide_ ? static_cast<const void*>(&one) : &narrow_one;
    const void* beta = wide_ ? static_cast<const void*>(&zero) : &narrow_zero;
    cudnnStatus_t failure = CUDNN_STATUS_SUCCESS;
    for (; next_ < choices_.size(); ++next_) {
      const Choice& choice = choices_[next_];
      const bool last = next_ + 1 == choices_.size();
      const std::optional<Tensor> room = workspace_of(choice.bytes, like, last);
      if (!room) continue;
      descriptors_.set_math(choice.math);
      const cudnnStatus_t status =
          Pass::run(cudnn_handle(shape.device), descriptors_, operands, alpha, beta,
                    choice.algorithm, memory_of(*room), choice.bytes);
      if (status == CUDNN_STATUS_SUCCESS) return true;
      // Not all that is advised runs, and not all that does not says that it is not supported.
      if (!is_not_supported(status)) failure = status;
    }
    check_cudnn(failure, "run a convolution");
    return false;
  }

 private:
  struct Choice {
    typename Pass::Algorithm algorithm;
    cudnnMathType_t math;
    size_t bytes;
  };

  /// Fast ones come first, as cuDNN gives them.
  void add(const typename Pass::Result* results, int count, bool repeating) {
    for (int i = 0; i < count; ++i) {
      const bool repeats = results[i].determinism == CUDNN_DETERMINISTIC;
      if (results[i].status != CUDNN_STATUS_SUCCESS || repeats != repeating ||
          results[i].memory > kMostWorkspaceBytes) {
        continue;
      }
      const cudnnMathType_t math = exact_ ? CUDNN_FMA_MATH : results[i].mathType;
      choices_.push_back({results[i].algo, math, results[i].memory});
    }
  }

  /// As much as the most of them want that are advised; less where there is not so much.
  static Tensor room_to_measure(const typename Pass::Result* results, int count,
                                const Tensor& like) {
    size_t bytes = 0;
    for (int i = 0; i < count; ++i) {
      const bool fits =
          results[i].status == CUDNN_STATUS_SUCCESS && results[i].memory <= kMostWorkspaceBytes;
      if (fits) bytes = std::max(bytes, results[i].memory);
    }
    for (;; bytes /= 2) {
      if (const std::optional<Tensor> room = workspace_of(bytes, like, bytes < 1024)) return *room;
    }
  }

  bool wide_;
  bool exact_;  // float32 numbers must not be rounded
  ConvDescriptors descriptors_;
  std::vector<Choice> choices_;
  size_t next_ = 0;
};

/// False: cuDNN has no algorithm. Plans belong to a thread, as cuDNN's handles do.
template <typename Pass>
bool run(const ConvShape& shape, const Operands& operands, const Tensor& like) {
  static thread_local std::unordered_map<ConvShape, std::unique_ptr<Plan<Pass>>, ConvShapeHash>
      plans;
  auto found = plans.find(shape);
  if (found == plans.end()) {
    if (plans.size() >= kMostPlans) plans.clear();
    found = plans.emplace(shape, std::make_unique<Plan<Pass>>(shape, operands, like)).first;
  }
  return found->second->run(shape, operands, like);
}

/// Memory of the sizes of `like` in the layout of the shape.
Tensor laid_out(const Tensor& like, bool innermost) {
  const Dims strides =
      innermost ? channels_last_strides(like.sizes()) : contiguous_strides(like.sizes());
  return empty({like.numel()}, like.dtype(), like.device()).as_strided(like.sizes(), strides, 0);
}

bool lies_as(const Tensor& x, bool innermost) {
  return innermost ? x.is_channels_last() : x.is_contiguous();
}

/// A tensor in the layout that cuDNN is told: itself, or a copy.
Tensor in_layout(const Tensor& x, bool innermost) {
  if (lies_as(x, innermost)) return x;
  const Tensor laid = laid_out(x, innermost);
  copy(x, laid);
  return laid;
}

/// Where a result is written: itself, or memory from which finish() copies.
class Result {
 public:
  Result(const Tensor& out, bool innermost)
      : out_(out), target_(lies_as(out, innermost) ? out : laid_out(out, innermost)) {}
  void* raw() const { return target_.raw(); }
  void finish() const {
    if (!target_.is_same(out_)) copy(target_, out_);
  }

 private:
  const Tensor& out_;
  Tensor target_;
};

ConvShape shape_of(const Tensor& x, const Tensor& weight, const Tensor& y, const Window& window) {
  ConvShape shape(x.sizes(), weight.sizes(), y.sizes(), window);
  shape.dtype = y.dtype();
  shape.device = y.device().index;
  shape.tf32 = shape.dtype == DType::Float32 && math_mode().conv_tf32;
  // A measurement waits for the device, which recorded work must not.
  shape.measured = math_mode().benchmark && Keeper::current() == nullptr;
  // In float64 cuDNN knows only images whose channels lie outermost.
  shape.innermost = shape.dtype != DType::Float64 && (!x.is_contiguous() || !y.is_contiguous());
  return shape;
}

/// What cuDNN needs to be told instead, if it is only that x has room for more windows.
std::optional<SpareRoom> room_of(const Tensor& x, const Tensor& weight, const Tensor& y,
                                 const Window& window) {
  return is_floating(y.dtype()) ? SpareRoom::of(x.sizes(), weight.sizes(), y.sizes(), window)
                                : std::nullopt;
}

bool is_for_cudnn(const ConvShape& shape, const Tensor& a, const Tensor& b) {
  return shape.is_plain() && is_floating(shape.dtype) && a.dtype() == shape.dtype &&
         b.dtype() == shape.dtype;
}

}  // namespace

void conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
          const Tensor& y) {
  const ConvShape shape = shape_of(x, weight, y, window);
  if (is_for_cudnn(shape, x, weight)) {
    const Tensor from = in_layout(x, shape.innermost);
    const Tensor filter = in_layout(weight, shape.innermost);
    const Result to(y, shape.innermost);
    if (run<ForwardPass>(shape, {from.raw(), filter.raw(), to.raw()}, y)) {
      to.finish();
      if (bias.defined()) add_to_channels(bias, y);
      return;
    }
  }
  if (const auto room = room_of(x, weight, y, window)) {
    return conv(room->frame(x), weight, bias, room->window, y);
  }
  fallback_kernels().conv(x, weight, bias, window, y);
}

void conv_grad_input(const Tensor& grad, const Tensor& weight, const Window& window,
                     const Tensor& grad_x) {
  const ConvShape shape = shape_of(grad_x, weight, grad, window);
  if (is_for_cudnn(shape, grad_x, weight)) {
    const Tensor from = in_layout(grad, shape.innermost);
    const Tensor filter = in_layout(weight, shape.innermost);
    const Result to(grad_x, shape.innermost);
    if (run<InputPass>(shape, {to.raw(), filter.raw(), from.raw()}, grad_x)) return to.finish();
  }
  if (const auto room = room_of(grad_x, weight, grad, window)) {
    const Tensor framed = empty(room->framed, grad_x.dtype(), grad_x.device());
    conv_grad_input(grad, weight, room->window, framed);
    return room->unframe(framed, grad_x);
  }
  fallback_kernels().conv_grad_input(grad, weight, window, grad_x);
}

void conv_grad_weight(const Tensor& grad, const Tensor& x, const Window& window,
                      const Tensor& grad_weight, const Tensor& grad_bias) {
  const ConvShape shape = shape_of(x, grad_weight, grad, window);
  if (is_for_cudnn(shape, x, grad_weight)) {
    const Tensor from = in_layout(grad, shape.innermost);
    const Tensor input = in_layout(x, shape.innermost);
    const Result to(grad_weight, shape.innermost);
    if (run<WeightPass>(shape, {input.raw(), to.raw(), from.raw()}, grad)) {
      to.finish();
      if (!grad_bias.defined()) return;
      Dims kept(grad.sizes().size(), 1);
      kept[1] = grad.size(1);
      return sum(grad, grad_bias.as_strided(kept, contiguous_strides(kept), grad_bias.offset()));
    }
  }
  if (const auto room = room_of(x, grad_weight, grad, window)) {
    return conv_grad_weight(grad, room->frame(x), room->window, grad_weight, grad_bias);
  }
  fallback_kernels().conv_grad_weight(grad, x, window, grad_weight, grad_bias);
}

}  // namespace nw::cuda
