#include "core/trial/device_trial.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/autograd/engine.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/nn/init.h"
#include "core/ops/arithmetic.h"

namespace nw::trial {
namespace {

/// The whole memory of a tensor on another device, and in it the same view.
Tensor moved(const Tensor& x, Device device) {
  const auto items = static_cast<int64_t>(x.storage()->bytes() / item_bytes(x.dtype()));
  const Tensor whole = x.as_strided(Dims{items}, Dims{1}, 0);
  return raw::to(whole, device).as_strided(x.sizes(), x.strides(), x.offset());
}

Tensor leaf_of(const Tensor& x, Device device, DType from, DType to, uint64_t nudge) {
  if (!x.defined()) return x;
  const bool changes = nudge > 0 && x.requires_grad();
  Tensor out = moved(changes ? nudged(x.detach(), nudge) : x.detach(), device);
  if (to != from && out.dtype() == from) out = raw::to(out, to);
  if (x.requires_grad()) out.set_requires_grad();
  return out;
}

bool works_in_place(const BlockCase& drawn) {
  return drawn.args.has("inplace") && drawn.args.boolean("inplace");
}

/// An inplace module may not write on a leaf: products with 1 stand for the layer before.
Tensors made_from(const Tensors& leaves) {
  Tensors out;
  for (const Tensor& leaf : leaves) out.push_back(leaf.defined() ? ops::mul(leaf, 1) : leaf);
  return out;
}

Tensor on_cpu(const Tensor& x) {
  return x.defined() ? raw::to(x.detach(), kCpu) : x;
}

/// The module of a case, on the CPU and in the dtype that it was drawn for.
std::shared_ptr<nn::Module> made(const BlockCase& drawn) {
  const nn::DTypeGuard guard(drawn.is_wide() ? drawn.dtype : DType::Float32);
  manual_seed(drawn.seed);
  std::shared_ptr<nn::Module> module = drawn.block->make(drawn.block->complete(drawn.args));
  if (!drawn.is_wide()) module->to(drawn.dtype);
  return module;
}

/// Lets a lazy module begin with the numbers that it would draw on the CPU in the case's dtype:
/// another device, and another dtype, draw others.
void draw_as_cpu(const BlockCase& drawn, nn::Module& module, uint64_t nudge) {
  std::map<std::string, Tensor> begin;
  const std::shared_ptr<nn::Module> twin = made(drawn);
  twin->register_forward_pre_hook([&](nn::Module& self, const Tensors&) -> std::optional<Tensors> {
    for (const auto& [key, tensor] : self.state_dict().entries) begin[key] = raw::clone(tensor);
    return {};
  });
  try {
    Tensors inputs;
    for (const Tensor& x : drawn.inputs) inputs.push_back(x.defined() ? x.detach() : x);
    twin->call(inputs);
  } catch (const Error&) {
    // What it refuses, the module refuses, too.
  }
  module.register_forward_pre_hook(
      [begin, nudge, first = true](nn::Module& self,
                                   const Tensors&) mutable -> std::optional<Tensors> {
        for (const auto& [key, tensor] : self.state_dict().entries) {
          const auto found = begin.find(key);
          if (!first || found == begin.end()) continue;
          const Tensor& x = found->second;
          raw::copy_(tensor, raw::to(nudge > 0 ? trial::nudged(x, nudge) : x, tensor.device()));
        }
        first = false;
        return {};
      });
}

/// What work that was queued before an error has found wrong is not to be told of the next case.
void forget_mistakes(Device device) {
  try {
    backend_of(device).synchronize(device);
  } catch (const Error&) {
  }
}

bool learns(const Tensor& y) {
  return is_floating(y.dtype()) || is_complex(y.dtype());
}

}  // namespace

Pass::Pass(const BlockCase& drawn, Device device, DType dtype, uint64_t nudge)
    : device_(device), nudge_(nudge) {
  try {
    forward(drawn, dtype);
    backend_of(device).synchronize(device);
  } catch (const InternalError& error) {
    error_ = "our own fault: " + error.text();
  } catch (const Error& error) {
    error_ = error.text();
  }
  if (!error_.empty()) forget_mistakes(device);
}

void Pass::forward(const BlockCase& drawn, DType dtype) {
  const DeviceGuard made_on(device_ == kMeta ? kMeta : kCpu);
  const nn::DTypeGuard guard(drawn.is_wide() ? drawn.dtype : DType::Float32);
  module_ = made(drawn);
  if (dtype != drawn.dtype) module_->to(dtype);
  module_->to(device_);
  for (const auto& [key, tensor] : module_->state_dict().entries) {
    if (nudge_ > 0 && tensor.defined()) raw::copy_(tensor, trial::nudged(tensor, nudge_));
  }
  if (module_->is_lazy() && device_ != kMeta) draw_as_cpu(drawn, *module_, nudge_);
  module_->train(drawn.training);
  for (const Tensor& input : drawn.inputs) {
    inputs_.push_back(leaf_of(input, device_, drawn.dtype, dtype, nudge_));
  }
  const bool lazy = module_->is_lazy();
  const Generator before = default_generator();
  for (int i = 0; i < drawn.forwards; ++i) {
    fed_ = works_in_place(drawn) ? made_from(inputs_) : Tensors();
    outputs_.clear();
    for (const Tensor& y : module_->call(fed_.empty() ? inputs_ : fed_)) {
      if (y.defined()) outputs_.push_back(y);
    }
  }
  drew_ = !lazy && !(default_generator() == before);
}

void Pass::feed(const std::vector<Tensor>& gradients) {
  const auto needs = [](const Tensor& y) { return y.requires_grad(); };
  auto left = std::count_if(outputs_.begin(), outputs_.end(), needs);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!needs(outputs_[i])) continue;
    const Tensor fed = nudge_ > 0 ? trial::nudged(gradients[i], nudge_) : gradients[i];
    const Tensor gradient = raw::to(moved(fed, device_), outputs_[i].dtype());
    autograd::backward(outputs_[i], gradient, --left > 0);
  }
  backend_of(device_).synchronize(device_);
}

Numbers Pass::numbers() const {
  Numbers out;
  const auto add = [&](std::string name, const Tensor& tensor) {
    out.push_back({std::move(name), on_cpu(tensor)});
  };
  for (size_t i = 0; i < outputs_.size(); ++i) add(concat("output ", i), outputs_[i]);
  for (size_t i = 0; i < fed_.size(); ++i) add(concat("input ", i, " afterwards"), fed_[i]);
  for (const auto& [key, tensor] : module_->state_dict().entries) add(key, tensor);
  for (const auto& [name, parameter] : module_->named_parameters()) {
    add("gradient of " + name, parameter.grad());
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].defined()) add(concat("gradient of input ", i), inputs_[i].grad());
  }
  return out;
}

namespace {

std::vector<Tensor> draw_gradients(Draw& draw, const std::vector<Tensor>& outputs) {
  std::vector<Tensor> out;
  for (const Tensor& y : outputs) {
    out.push_back(learns(y) ? arranged(draw, draw.numbers(y.sizes(), y.dtype())) : Tensor());
  }
  return out;
}

bool can_go_back(const std::vector<Tensor>& outputs) {
  return std::any_of(outputs.begin(), outputs.end(),
                     [](const Tensor& y) { return y.requires_grad(); });
}

DType exact_of(DType dtype) {
  return is_complex(dtype) ? DType::Complex128 : DType::Float64;
}

/// Backward of a pass; why it refused, empty: it did not.
std::string refusal(Pass& pass, const std::vector<Tensor>& gradients) {
  try {
    pass.feed(gradients);
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

/// The exact numbers of the case as far as they are known: those of float64, or the CPU's where
/// that is what it computes in or the block refuses it.
Numbers exact_numbers(const BlockCase& drawn, const std::vector<Tensor>& grads,
                      const Numbers& cpu) {
  if (drawn.dtype == exact_of(drawn.dtype)) return cpu;
  Pass exact = Pass::in_dtype(drawn, exact_of(drawn.dtype));
  if (!exact.error().empty()) return cpu;
  if (!grads.empty()) exact.feed(grads);
  return exact.numbers();
}

/// Where `ours` differs from what the CPU gives by more than rounding explains. The spread of a
/// case is found out only for those that need it.
std::string judged(const BlockCase& drawn, const std::vector<Tensor>& grads, const Numbers& ours,
                   const Numbers& cpu) {
  std::string problem = difference(ours, cpu, Spread({}));
  if (problem.empty()) return problem;
  Spread spread(exact_numbers(drawn, grads, cpu));
  spread.add(cpu);
  for (uint64_t which = 1; which <= Spread::kRuns && !problem.empty(); ++which) {
    Pass run = Pass::nudged(drawn, which);
    if (!run.error().empty()) continue;
    if (!grads.empty()) run.feed(grads);
    spread.add(run.numbers());
    problem = difference(ours, cpu, spread);
  }
  return problem;
}

DeviceVerdict compare_accepted(Draw& draw, const BlockCase& drawn, Device device, Pass& cpu,
                               Pass& first, Pass& second) {
  DeviceVerdict verdict{.accepted = true};
  std::vector<Tensor> grads;
  if (can_go_back(cpu.outputs())) {
    grads = draw_gradients(draw, cpu.outputs());
    const std::string refused = refusal(cpu, grads);
    const std::string also = refusal(first, grads);
    if (refused.empty() != also.empty()) {
      verdict.problem =
          concat("backward on ", to_string(device), ": ", also.empty() ? "accepted" : also,
                 "; on cpu: ", refused.empty() ? "accepted" : refused);
    }
    if (!also.empty()) return verdict;
    second.feed(grads);
    verdict.backward = true;
  }
  const auto ours = first.numbers();
  verdict.problem = bit_difference(ours, second.numbers());
  const bool random = cpu.drew() && !draws_alike(device);
  if (!verdict.problem.empty() || random) return verdict;
  verdict.problem = judged(drawn, grads, ours, cpu.numbers());
  return verdict;
}

/// So many threads while it lives.
class Threads {
 public:
  explicit Threads(int count) : before_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace

DeviceVerdict compare_device(Draw& draw, const BlockCase& drawn, Device device) {
  Pass cpu(drawn, kCpu);
  Pass first(drawn, device);
  if (cpu.error().empty() != first.error().empty()) {
    return {.problem =
                concat(to_string(device), ": ", first.error().empty() ? "accepted" : first.error(),
                       "; cpu: ", cpu.error().empty() ? "accepted" : cpu.error())};
  }
  if (first.error().starts_with("our own fault")) return {.problem = first.error()};
  if (!cpu.error().empty()) return {};
  Pass second(drawn, device);
  if (!second.error().empty()) return {.problem = "the second time: " + second.error()};
  try {
    return compare_accepted(draw, drawn, device, cpu, first, second);
  } catch (const Error& error) {
    return {.problem = "throws " + error.text(), .accepted = true};
  }
}

DeviceVerdict compare_threads(Draw& draw, const BlockCase& drawn) {
  const int threads = num_threads();
  std::vector<Tensor> grads;
  Numbers first;
  DeviceVerdict verdict;
  for (const int count : {threads, 1, threads}) {
    const Threads limited(count);
    Pass pass(drawn, kCpu);
    if (pass.error().starts_with("our own fault")) return {.problem = pass.error()};
    if (!pass.error().empty()) return {};
    verdict.accepted = true;
    verdict.backward = can_go_back(pass.outputs());
    if (verdict.backward && grads.empty()) grads = draw_gradients(draw, pass.outputs());
    if (verdict.backward && !refusal(pass, grads).empty()) return {.accepted = true};
    auto numbers = pass.numbers();
    if (first.empty()) {
      first = std::move(numbers);
      continue;
    }
    verdict.problem =
        count == threads ? bit_difference(first, numbers) : judged(drawn, grads, first, numbers);
    if (!verdict.problem.empty()) {
      verdict.problem += concat(" (", count, count == 1 ? " thread)" : " threads)");
      break;
    }
  }
  return verdict;
}

bool draws_alike(Device device) {
  const auto drawn_on = [](Device where) {
    Generator generator(7);
    const Tensor out = empty(Dims{8}, DType::Float32, where);
    kernels_of(out).uniform(generator, 0, 1, out);
    return raw::to(out, kCpu);
  };
  return bit_difference({{"", drawn_on(kCpu)}}, {{"", drawn_on(device)}}).empty();
}

}  // namespace nw::trial
