#include "core/dist/data_parallel.h"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/dist/move.h"
#include "core/ops/join.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::dist {
namespace {

/// Makes `copy` stand for the parameter `original` on its device in the forward that follows: the
/// same numbers, and a gradient that flows on to the original.
void stand_in(const Tensor& copy, const Tensor& original, Device device) {
  copy.set_history({}, 0);
  copy.set_data(raw::to(original.detach(), device));
  if (!autograd::needs_record(original)) return;
  autograd::record(
      "Broadcast", copy, std::array{original}, std::array<Tensor, 0>{},
      [to = original.device()](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                               const auto&) { grad_inputs[0] = raw::to(grads[0], to); });
}

/// What a thread needs of the one that starts it.
struct Surroundings {
  bool records = autograd::grad_enabled();
  Device device;
  std::optional<uint64_t> seed;
};

}  // namespace

DataParallel::DataParallel(const Make& make, const DataParallelOptions& options)
    : module_(make()), devices_(options.device_ids), dim_(options.dim) {
  NW_CHECK(module_ != nullptr, "[DataParallel] expects a module");
  NW_CHECK(dim_ >= 0, "[DataParallel] dim must be at least 0, is ", dim_);
  const std::vector<Tensor> params = module_->parameters();
  const bool placed = !params.empty() && params[0].defined();
  if (devices_.empty()) devices_ = {placed ? params[0].device() : default_device()};
  for (const Device device : devices_) {
    NW_CHECK(device.type != DeviceType::Meta, "[DataParallel] meta has no numbers");
  }
  if (devices_.size() == 1) module_->to(devices_[0]);
  output_device_ = options.output_device.value_or(devices_[0]);
  for (size_t i = 1; i < devices_.size(); ++i) {
    const DeviceGuard without_numbers(kMeta);
    replicas_.push_back(make());
    replicas_.back()->requires_grad_(false);  // their gradients are the module's
  }
  add_module("module", module_);
}

void DataParallel::check_devices() const {
  const auto check = [&](const Tensor& tensor) {
    NW_CHECK(!tensor.defined() || tensor.device() == devices_[0],
             "[DataParallel] expects the module's parameters and buffers on ",
             to_string(devices_[0]), ", the first of device_ids, and finds one on ",
             to_string(tensor.device()));
  };
  for (const Tensor& tensor : module_->parameters()) check(tensor);
  for (const Tensor& tensor : module_->buffers()) check(tensor);
}

void DataParallel::replicate(size_t count) {
  const std::vector<Tensor> params = module_->parameters();
  const std::vector<Tensor> buffers = module_->buffers();
  for (size_t r = 1; r < count; ++r) {
    nn::Module& replica = *replicas_[r - 1];
    const std::vector<nn::Module*> own_parts = replica.modules();
    const std::vector<nn::Module*> parts = module_->modules();
    for (size_t i = 0; i < std::min(parts.size(), own_parts.size()); ++i) {
      own_parts[i]->train(parts[i]->training());
    }
    const std::vector<Tensor> own_params = replica.parameters();
    const std::vector<Tensor> own_buffers = replica.buffers();
    NW_CHECK(own_params.size() == params.size() && own_buffers.size() == buffers.size(),
             "[DataParallel] expects modules of one architecture");
    for (size_t i = 0; i < params.size(); ++i) stand_in(own_params[i], params[i], devices_[r]);
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (!buffers[i].defined()) continue;
      own_buffers[i].set_data(raw::to(raw::clone(buffers[i]), devices_[r]));
    }
  }
}

std::vector<Tensors> DataParallel::scatter(const Tensors& inputs) const {
  std::vector<Tensors> parts;
  const auto count = static_cast<int64_t>(devices_.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    NW_CHECK(dim_ < inputs[i].dim(), "[DataParallel] cannot part ", describe(inputs[i]),
             " along dimension ", dim_);
    const Tensors chunks = ops::chunk(inputs[i], count, dim_);
    if (parts.empty()) parts.resize(chunks.size(), Tensors(inputs.size()));
    NW_CHECK(chunks.size() == parts.size(), "[DataParallel] expects inputs of one size along ",
             "dimension ", dim_);
    for (size_t r = 0; r < parts.size(); ++r) parts[r][i] = moved_to(chunks[r], devices_[r]);
  }
  return parts;
}

std::vector<Tensors> DataParallel::parallel_apply(const std::vector<Tensors>& parts) {
  std::vector<Tensors> outputs(parts.size());
  std::vector<std::exception_ptr> failures(parts.size());
  const auto run = [&](size_t r) {
    try {
      nn::Module& own = r == 0 ? *module_ : *replicas_[r - 1];
      outputs[r] = own.call(parts[r]);
    } catch (...) {
      failures[r] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (size_t r = 1; r < parts.size(); ++r) {
    Surroundings here{.device = devices_[r], .seed = {}};
    if (module_->training()) here.seed = default_generator().random64();
    threads.emplace_back([&run, here, r] {
      const autograd::GradMode mode(here.records);
      const DeviceGuard device(here.device);
      if (here.seed) manual_seed(*here.seed);
      run(r);
    });
  }
  run(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return outputs;
}

Tensors DataParallel::gather(const std::vector<Tensors>& outputs) const {
  Tensors joined;
  for (size_t i = 0; i < outputs[0].size(); ++i) {
    std::vector<Tensor> parts;
    int64_t dim = dim_;
    for (const Tensors& output : outputs) {
      if (!output[i].defined()) continue;
      Tensor part = moved_to(output[i], output_device_);
      if (part.dim() == 0) {
        part = ops::reshape(part, {1});
        dim = 0;
      }
      parts.push_back(part);
    }
    joined.push_back(parts.empty() ? Tensor() : ops::cat(parts, dim));
  }
  return joined;
}

Tensors DataParallel::forward(const Tensors& inputs) {
  check_devices();
  const std::vector<Tensors> parts = scatter(inputs);
  if (parts.size() <= 1) {
    return module_->call(parts.empty() ? inputs : parts[0]);
  }
  replicate(parts.size());
  return gather(parallel_apply(parts));
}

}  // namespace nw::dist
