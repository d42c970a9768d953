#include "tests/support/stacking_device.h"

#include <cstdlib>
#include <limits>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/backend/recurrent_kernels.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/ops/recurrent.h"

namespace nw::test {
namespace {

constexpr double kFresh = 5;  // what a forward leaves for the way back

StacksSeen seen;
int64_t declined_features = std::numeric_limits<int64_t>::max();
bool is_inside = false;  // one stack is worked out by cells: they are no stacks

/// A leaf on the device in a dtype that the kernels of cells take.
Tensor leaf(const Tensor& x) {
  if (!x.defined()) return x;
  const Tensor wide = is_half(x.dtype()) ? raw::to(x, DType::Float32) : raw::clone(x);
  wide.set_requires_grad();
  return wide;
}

/// {y, h_n} or {y, h_n, c_n}; leaves: x, h_0, c_0, weights.
Tensors run(const RecurrentStack& stack, const Tensors& leaves) {
  std::vector<ops::RecurrentWeights> weights;
  size_t at = 3;
  const auto next = [&](bool there) { return there ? leaves[at++] : Tensor(); };
  for (int64_t cell = 0; cell < stack.cells(); ++cell) {
    ops::RecurrentWeights w;
    w.ih = next(true);
    w.hh = next(true);
    w.bias_ih = next(stack.biased);
    w.bias_hh = next(stack.biased);
    w.hr = next(stack.projects);
    weights.push_back(w);
  }
  const Tensor batch_sizes = stack.batch_sizes.defined()
                                 ? stack.batch_sizes
                                 : full({stack.steps}, stack.batch, DType::Int64);
  is_inside = true;
  const auto result = ops::recurrent(leaves[0], batch_sizes, {leaves[1], leaves[2]}, weights,
                                     {.op = "stack",
                                      .cell = stack.cell,
                                      .layers = stack.layers,
                                      .bidirectional = stack.bidirectional},
                                     default_generator());
  is_inside = false;
  Tensors outputs{result.output, result.final.h};
  if (result.final.c.defined()) outputs.push_back(result.final.c);
  return outputs;
}

Tensors leaves_of(const Tensor& x, const Tensor& h_0, const Tensor& c_0,
                  std::span<const Tensor> weights) {
  Tensors leaves{leaf(x), leaf(h_0), leaf(c_0)};
  for (const Tensor& weight : weights) leaves.push_back(leaf(weight));
  return leaves;
}

void put(const Tensor& from, const Tensor& to) {
  if (to.defined()) kernels_of(to).copy(from, to);
}

void stack_forward(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                   const Tensor& c_0, std::span<const Tensor> weights, const Tensor& y,
                   const Tensor& h_n, const Tensor& c_n, RecurrentStackResult& result) {
  if (is_inside) return;
  if (stack.features >= declined_features) {
    ++seen.declined;
    return;
  }
  ++seen.forward;
  seen.learning += stack.learns;
  seen.most_layers = std::max(seen.most_layers, static_cast<int>(stack.layers));
  const autograd::NoGrad no_grad;
  const Tensors outputs = run(stack, leaves_of(x, h_0, c_0, weights));
  put(outputs[0], y);
  put(outputs[1], h_n);
  if (c_n.defined()) put(outputs[2], c_n);
  if (stack.learns) result.kept = full({3}, kFresh, DType::Float32, x.device());
  result.done = true;
}

void stack_backward(const RecurrentStack& stack, const Tensor& x, const Tensor& h_0,
                    const Tensor& c_0, std::span<const Tensor> weights, const Tensor&,
                    const Tensor& kept, const Tensor& grad_y, const Tensor& grad_h_n,
                    const Tensor& grad_c_n, const Tensor& grad_x, const Tensor& grad_h_0,
                    const Tensor& grad_c_0, std::span<const Tensor> grad_weights) {
  ++seen.backward;
  NW_CHECK(kept.data<float>()[1] == kFresh, "[stack] was gone back before");
  raw::fill_(kept, 0);
  const autograd::EnableGrad grad;
  const Tensors leaves = leaves_of(x, h_0, c_0, weights);
  const Tensors outputs = run(stack, leaves);
  const Tensor given[] = {grad_y, grad_h_n, grad_c_n};
  Tensors reached;
  Tensors grads;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!given[i].defined()) continue;
    reached.push_back(outputs[i]);
    grads.push_back(given[i]);
  }
  Tensors inputs;
  Tensors wanted;
  const auto want = [&](const Tensor& input, const Tensor& gradient) {
    seen.grads_not_wanted += input.defined() && !gradient.defined();
    if (!gradient.defined()) return;
    inputs.push_back(input);
    wanted.push_back(gradient);
  };
  want(leaves[0], grad_x);
  want(leaves[1], grad_h_0);
  want(leaves[2], grad_c_0);
  for (size_t i = 0; i < grad_weights.size(); ++i) want(leaves[3 + i], grad_weights[i]);
  const Tensors all = autograd::grad(reached, inputs, grads, {.allow_unused = true});
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].defined() ? put(all[i], wanted[i]) : raw::fill_(wanted[i], 0);
  }
}

class HostMemory final : public Allocator {
 public:
  void* allocate(size_t bytes) override {
    return std::aligned_alloc(64, (std::max<size_t>(bytes, 1) + 63) / 64 * 64);
  }
  void free(void* memory, size_t) noexcept override { std::free(memory); }
};

class StackingDevice final : public Backend {
 public:
  StackingDevice() : kernels_(backend_of(kCpu).kernels()), recurrent_(*kernels_.recurrent) {
    recurrent_.stack_forward = stack_forward;
    recurrent_.stack_backward = stack_backward;
    kernels_.recurrent = &recurrent_;
  }
  std::string_view name() const override { return "stacking"; }
  int device_count() const override { return 1; }
  std::string missing() const override { return {}; }
  DeviceFacts facts(Device) const override { return {"a device with stacks"}; }
  Allocator& allocator(Device) override { return memory_; }
  Allocator& host_allocator() override { return memory_; }
  MemoryUse memory(Device) const override { return {}; }
  void reset_peak(Device) override {}
  void empty_cache(Device) override {}
  const Kernels& kernels() const override { return kernels_; }
  void transfer(const Transfer& transfer) override {
    std::copy_n(static_cast<const char*>(transfer.from), transfer.bytes,
                static_cast<char*>(transfer.to));
  }
  std::unique_ptr<Event> mark(Device) override { throw Error("[stacking device] marks nothing"); }
  std::unique_ptr<Aside> aside(Device) override { return std::make_unique<Aside>(); }
  bool can_capture() const override { return false; }
  std::unique_ptr<Captured> capture(Device, Generator&, const Captured*,
                                    const std::function<void()>&) override {
    throw Error("[stacking device] records nothing");
  }
  void synchronize(Device) override {}

 private:
  HostMemory memory_;
  Kernels kernels_;
  RecurrentKernels recurrent_;
};

}  // namespace

Backend& stacking_device() {
  static Backend& backend = []() -> Backend& {
    auto& one = *new StackingDevice;
    register_backend(DeviceType::Cuda, one);
    return one;
  }();
  return backend;
}

StacksSeen take_stacks_seen() {
  return std::exchange(seen, {});
}

void decline_stacks(int64_t features) {
  declined_features = features;
}

}  // namespace nw::test
