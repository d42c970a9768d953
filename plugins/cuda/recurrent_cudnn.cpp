#include "plugins/cuda/recurrent_cudnn.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "core/backend/creation.h"
#include "core/backend/math_mode.h"
#include "core/base/warning.h"
#include "plugins/cuda/kernels/copy_each.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/recurrent_cudnn_plan.h"
#include "plugins/cuda/stream.h"

// LSTM, GRU and RNN by cuDNN, all layers in one call. Our weights are tensors of their own, which
// are brought together in the order that cuDNN wants in one launch, and their gradients back.
namespace nw::cuda {
namespace {

constexpr size_t kMostPlans = 512;

/// Whether cuDNN is there, with the part that has recurrent layers.
bool has_cudnn() {
  static const bool has = [] {
    if (!cudnn().found()) {
      warn("cuda: " + cudnn().problem());
      return false;
    }
    const cudnnStatus_t status = NW_CUDNN(cudnnAdvVersionCheck)();
    if (status != CUDNN_STATUS_SUCCESS) {
      warn(concat("cuda: ", cudnn().path(), " has no recurrent layers that fit it (",
                  NW_CUDNN(cudnnGetErrorString)(status), "): they go step by step, more slowly"));
    }
    return status == CUDNN_STATUS_SUCCESS;
  }();
  return has;
}

RecurrentHardware hardware_of(int device) {
  const Hardware& gpu = hardware(device);
  return {gpu.major, gpu.minor, gpu.processors, NW_CUDNN(cudnnGetVersion)()};
}

/// Plans belong to a thread, as cuDNN's handles do.
RecurrentPlan& plan_of(const RecurrentShape& shape, const RecurrentStack& stack) {
  static thread_local std::unordered_map<RecurrentShape, std::unique_ptr<RecurrentPlan>,
                                         RecurrentShapeHash>
      plans;
  auto found = plans.find(shape);
  if (found == plans.end()) {
    if (plans.size() >= kMostPlans) plans.clear();
    found = plans.emplace(shape, std::make_unique<RecurrentPlan>(shape, hardware_of(shape.device)))
                .first;
  }
  if (shape.packed) found->second->set_lengths(lengths_of(stack));
  return *found->second;
}

RecurrentShape shape_of(const RecurrentStack& stack, const Tensor& x, RecurrentPass pass) {
  return {stack, x.dtype(), x.device().index, pass, math_mode().conv_tf32};
}

Tensor room_of(size_t bytes, const Tensor& like) {
  return empty({static_cast<int64_t>(bytes)}, DType::UInt8, like.device());
}

void* address(const Tensor& tensor) {
  return tensor.defined() ? tensor.raw() : nullptr;
}

/// Memory for all weights in cuDNN's order, as numbers of the dtype of `like`; those that no weight
/// has are 0.
Tensor weight_space(const RecurrentPlan& plan, const Tensor& like, bool zero) {
  const auto item = static_cast<int64_t>(item_bytes(like.dtype()));
  const Tensor space =
      empty({static_cast<int64_t>(plan.weight_bytes()) / item}, like.dtype(), like.device());
  int64_t covered = 0;
  for (const WeightPiece& piece : plan.pieces()) covered += piece.count;
  if (zero || covered < space.numel()) fill(space, 0.0);
  return space;
}

Tensor part(const Tensor& dense, int64_t first, int64_t count) {
  return dense.as_strided({count}, {1}, dense.offset() + first);
}

enum class Way { ToSpace, FromSpace };

/// Copies between the weights, of which some may be undefined, and their place in `space`.
void copy_weights(const RecurrentPlan& plan, std::span<const Tensor> weights, const Tensor& space,
                  Way way) {
  std::vector<Tensor> own;
  std::vector<Tensor> packed;
  for (const WeightPiece& piece : plan.pieces()) {
    const Tensor& weight = weights[piece.weight];
    if (!weight.defined()) continue;
    own.push_back(part(weight, piece.from, piece.count));
    packed.push_back(part(space, piece.to, piece.count));
  }
  way == Way::ToSpace ? copy_each(own, packed) : copy_each(packed, own);
}

Tensor packed_weights(const RecurrentPlan& plan, std::span<const Tensor> weights) {
  const Tensor space = weight_space(plan, weights[0], false);
  copy_weights(plan, weights, space, Way::ToSpace);
  return space;
}

void stack_forward(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                   const Tensor& c_0, std::span<const Tensor> weights, const Tensor& y,
                   const Tensor& h_n, const Tensor& c_n, RecurrentStackResult& result) {
  const RecurrentShape shape =
      shape_of(stack, x, stack.learns ? RecurrentPass::Forward : RecurrentPass::Inference);
  if (!shape.is_plain() || !has_cudnn()) return;
  RecurrentPlan& plan = plan_of(shape, stack);
  result.done = plan.run([&] {
    const Tensor space = packed_weights(plan, weights);
    const Tensor work = room_of(plan.work_bytes(), x);
    if (stack.learns) result.kept = room_of(plan.kept_bytes(), x);
    return NW_CUDNN(cudnnRNNForward)(
        cudnn_handle(shape.device), plan.rnn(),
        stack.learns ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, nullptr, plan.x(),
        x.raw(), plan.y(), y.raw(), plan.h(), address(h_0), h_n.raw(), plan.c(), address(c_0),
        address(c_n), plan.weight_bytes(), space.raw(), plan.work_bytes(), work.raw(),
        stack.learns ? plan.kept_bytes() : 0, address(result.kept));
  });
}

bool wants_any(std::span<const Tensor> tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& x) { return x.defined(); });
}

/// A gradient that cuDNN must be given, or must have room for.
Tensor or_zeros(const Tensor& grad, const Tensor& like) {
  if (grad.defined()) return grad;
  const Tensor zeros = empty(like.sizes(), like.dtype(), like.device());
  fill(zeros, 0.0);
  return zeros;
}

void stack_backward(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                    const Tensor& c_0, std::span<const Tensor> weights, const Tensor& y,
                    const Tensor& kept, const Tensor& grad_y, const Tensor& grad_h_n,
                    const Tensor& grad_c_n, const Tensor& grad_x, const Tensor& grad_h_0,
                    const Tensor& grad_c_0, std::span<const Tensor> grad_weights) {
  const RecurrentShape shape = shape_of(stack, x, RecurrentPass::Backward);
  RecurrentPlan& plan = plan_of(shape, stack);
  const auto kept_bytes = static_cast<size_t>(kept.numel());
  const Tensor above = or_zeros(grad_y, y);
  const Tensor below = grad_x.defined() ? grad_x : empty(x.sizes(), x.dtype(), x.device());
  // Always the whole way, for the gradients of the weights come of what it leaves in `kept`.
  const bool done = plan.run([&] {
    if (plan.kept_bytes() > kept_bytes) return CUDNN_STATUS_NOT_SUPPORTED;
    const Tensor space = packed_weights(plan, weights);
    const Tensor work = room_of(plan.work_bytes(), x);
    return NW_CUDNN(cudnnRNNBackwardData_v8)(
        cudnn_handle(shape.device), plan.rnn(), nullptr, plan.y(), y.raw(), above.raw(), plan.x(),
        below.raw(), plan.h(), address(h_0), address(grad_h_n), address(grad_h_0), plan.c(),
        address(c_0), address(grad_c_n), address(grad_c_0), plan.weight_bytes(), space.raw(),
        plan.work_bytes(), work.raw(), kept_bytes, kept.raw());
  });
  NW_CHECK(done, "[cuda] cuDNN has no way back through these recurrent layers");
  if (!wants_any(grad_weights)) return;
  const Tensor space = weight_space(plan, weights[0], true);  // what is there is added to
  const Tensor work = room_of(plan.work_bytes(), x);
  check_cudnn(NW_CUDNN(cudnnRNNBackwardWeights_v8)(
                  cudnn_handle(shape.device), plan.rnn(), CUDNN_WGRAD_MODE_ADD, nullptr, plan.x(),
                  x.raw(), plan.h(), address(h_0), plan.y(), y.raw(), plan.weight_bytes(),
                  space.raw(), plan.work_bytes(), work.raw(), kept_bytes, kept.raw()),
              "work out the gradients of recurrent weights");
  copy_weights(plan, grad_weights, space, Way::FromSpace);
}

}  // namespace

const RecurrentKernels& recurrent_kernels() {
  static const RecurrentKernels kernels = [] {
    RecurrentKernels all = kRecurrentKernels;
    all.stack_forward = stack_forward;
    all.stack_backward = stack_backward;
    return all;
  }();
  return kernels;
}

}  // namespace nw::cuda
