#include "core/dist/distributed.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/dist/init.h"
#include "core/dist/move.h"
#include "core/dist/rows.h"

namespace nw::dist {
namespace {

constexpr std::string_view kName = "DistributedDataParallel";
constexpr double kMostCapMb = 1e12;

/// The parameters that require a gradient.
Reducer::Named learnable(const nn::Module& module) {
  Reducer::Named params;
  for (auto& [name, tensor] : module.named_parameters()) {
    if (tensor.defined() && tensor.requires_grad()) params.emplace_back(name, tensor);
  }
  return params;
}

/// Dtypes and sizes in a row of whole numbers.
std::vector<int64_t> shape_numbers(const Reducer::Named& params) {
  std::vector<int64_t> numbers;
  for (const auto& [name, tensor] : params) {
    numbers.push_back(static_cast<int64_t>(tensor.dtype()));
    numbers.push_back(tensor.dim());
    numbers.insert(numbers.end(), tensor.sizes().begin(), tensor.sizes().end());
  }
  return numbers;
}

/// One node through which the gradients of all outputs flow, so that parameters behind an output
/// which is left out of the loss are told of, too.
Tensors joined_in_one_node(const Tensors& outputs) {
  Tensors inputs;
  Tensors passed;
  Tensors result = outputs;
  for (Tensor& output : result) {
    if (!autograd::needs_record(output)) continue;
    inputs.push_back(output);
    output = output.detach();
    passed.push_back(output);
  }
  if (inputs.size() < 2) return outputs;
  autograd::record(
      kName, std::span<const Tensor>(passed), std::span<const Tensor>(inputs), {},
      [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const Tensors&) {
        for (size_t i = 0; i < grads.size(); ++i) grad_inputs[i] = grads[i];
      });
  return result;
}

}  // namespace

DistributedDataParallel::DistributedDataParallel(std::shared_ptr<nn::Module> module,
                                                 const DistributedOptions& options)
    : module_(std::move(module)),
      group_(options.process_group),
      broadcast_buffers_(options.broadcast_buffers),
      find_unused_parameters_(options.find_unused_parameters),
      static_graph_(options.static_graph) {
  NW_CHECK(module_ != nullptr, "[", kName, "] expects a module");
  for (const nn::Module* part : module_->modules()) {
    NW_CHECK(!part->is_lazy(), "[", kName, "] cannot use ", part->kind(), ", whose parameters ",
             "wait for their sizes. Let it see an input first");
  }
  const Reducer::Named params = learnable(*module_);
  NW_CHECK(!params.empty(), "[", kName, "] is not needed for a module without a parameter that ",
           "requires a gradient");
  NW_CHECK(std::abs(options.bucket_cap_mb) < kMostCapMb, "[", kName,
           "] expects a bucket_cap_mb that counts bytes, gets ", options.bucket_cap_mb);
  check_devices(options);
  device_ = params[0].second.device();
  if (!options.device_ids.empty()) input_device_ = options.device_ids[0];
  if (group_ == nullptr) group_ = default_group();
  NW_CHECK(group_->device_type() == device_.type, "[", kName, "] the module is on ",
           to_string(device_), ", which a group of backend ", group_->backend(),
           " does not serve. Use gloo for the CPU and nccl for GPUs");
  check_alike(params);
  send_state(0);
  const auto bytes = static_cast<int64_t>(options.bucket_cap_mb * 1024 * 1024);
  reducer_ = std::make_unique<Reducer>(
      params, group_,
      ReducerOptions{.gradient_order = options.gradient_order,
                     .bucket_bytes = bytes,
                     .find_unused_parameters = options.find_unused_parameters,
                     .gradient_as_bucket_view = options.gradient_as_bucket_view,
                     .static_graph = options.static_graph});
  add_module("module", module_);
}

void DistributedDataParallel::check_devices(const DistributedOptions& options) const {
  const std::vector<Tensor> params = module_->parameters();
  const Device first = params[0].device();
  bool several = false;
  for (const Tensor& param : params) {
    NW_CHECK(param.device().type == first.type, "[", kName, "] expects parameters on one kind of ",
             "device, gets ", to_string(first), " and ", to_string(param.device()));
    several = several || param.device() != first;
  }
  NW_CHECK(options.device_ids.size() <= 1, "[", kName, "] device_ids takes one device, gets ",
           options.device_ids.size());
  const bool given = !options.device_ids.empty() || options.output_device;
  NW_CHECK(!given || (first.type != DeviceType::Cpu && !several && !options.device_ids.empty()),
           "[", kName,
           "] device_ids and output_device are for a module on one GPU; this one is on ",
           several ? "several devices" : to_string(first), ". Leave them out");
}

/// Throws on all ranks when they do not agree.
void DistributedDataParallel::check_alike(const Reducer::Named& params) const {
  const std::vector<int64_t> own = shape_numbers(params);
  const std::array<int64_t, 2> own_counts{static_cast<int64_t>(params.size()),
                                          static_cast<int64_t>(own.size())};
  const Tensor counts = broadcasted(*group_, tensor_of<int64_t>(own_counts, {2}), device_, 0);
  const int64_t* root_counts = counts.data<int64_t>();
  std::vector<int64_t> padded = own;
  padded.resize(static_cast<size_t>(root_counts[1]));
  const Tensor shapes =
      broadcasted(*group_, tensor_of<int64_t>(padded, {root_counts[1]}), device_, 0);
  const bool alike = own_counts[0] == root_counts[0] && own_counts[1] == root_counts[1] &&
                     std::equal(own.begin(), own.end(), shapes.data<int64_t>());
  // The first rank that differs, told to all.
  const std::array<int32_t, 1> verdict{alike ? group_->size() : group_->rank()};
  const int32_t first_other =
      all_reduced(*group_, tensor_of<int32_t>(verdict, {1}), device_, Reduction::Min)
          .data<int32_t>()[0];
  NW_CHECK(first_other == group_->size(), "[", kName, "] expects the same parameters on all ranks;",
           " rank ", first_other, " has others than rank 0: their count, sizes, dtypes or order ",
           "differ");
}

/// All parameters and buffers become those of `root`.
void DistributedDataParallel::send_state(int root) {
  std::vector<Tensor> state = module_->parameters();
  for (const Tensor& buffer : module_->buffers()) state.push_back(buffer);
  std::erase_if(state, [](const Tensor& tensor) { return !tensor.defined(); });
  broadcast_coalesced(*group_, state, root);
}

void DistributedDataParallel::send_buffers(int root) {
  std::vector<Tensor> buffers = module_->buffers();
  std::erase_if(buffers, [](const Tensor& tensor) { return !tensor.defined(); });
  broadcast_coalesced(*group_, buffers, root);
}

bool DistributedDataParallel::sends_buffers() const {
  return broadcast_buffers_ && syncs_forward_ && !module_->buffers().empty();
}

bool DistributedDataParallel::trains() const {
  return autograd::grad_enabled() && syncs_backward_;
}

Tensors DistributedDataParallel::on_own_device(const Tensors& inputs) const {
  if (!input_device_) return inputs;
  Tensors moved = inputs;
  for (Tensor& input : moved) input = moved_to(input, *input_device_);
  return moved;
}

Tensors DistributedDataParallel::forward(const Tensors& inputs) {
  if (trains()) reducer_->begin_step();
  if (joining_) announce_presence();
  if (autograd::grad_enabled()) reducer_->rebuild_buckets();
  if (sends_buffers()) send_buffers(joining_ ? common_rank(true) : 0);
  if (joining_) sum_over_ranks(syncs_backward_);
  Tensors outputs = module_->call(on_own_device(inputs));
  syncs_forward_ = trains();
  if (!trains()) return outputs;
  const bool finds_unused = find_unused_parameters_ && !static_graph_;
  if (finds_unused) outputs = joined_in_one_node(outputs);
  reducer_->prepare_for_backward(finds_unused ? outputs : Tensors());
  return outputs;
}

void DistributedDataParallel::step_without_input() {
  reducer_->begin_step();
  if (joining_) announce_presence();
  reducer_->rebuild_buckets();
  if (sends_buffers()) send_buffers(joining_ ? common_rank(true) : 0);
  if (joining_) sum_over_ranks(1);
  syncs_forward_ = true;
  reducer_->reduce_without_backward();
}

int64_t DistributedDataParallel::sum_over_ranks(int64_t value) {
  const Tensor sum = tensor_of<int64_t>(std::array{value}, {1});
  return all_reduced(*group_, sum, device_, Reduction::Sum).data<int64_t>()[0];
}

/// The largest rank that is a candidate.
int DistributedDataParallel::common_rank(bool candidate) {
  const Tensor rank = tensor_of<int32_t>(std::array{candidate ? group_->rank() : -1}, {1});
  const int found = all_reduced(*group_, rank, device_, Reduction::Max).data<int32_t>()[0];
  NW_ASSERT(found >= 0);
  return found;
}

/// Tells the ranks that wait in join that a step comes.
void DistributedDataParallel::announce_presence() {
  const int64_t active = sum_over_ranks(1);
  if (joining_->throw_on_early_termination) {
    NW_CHECK(sum_over_ranks(0) == 0, "[", kName, "] a rank has run out of inputs, so all end");
  }
  reducer_->set_divisor(joining_->divide_by_initial_world_size ? group_->size() : active);
}

/// Takes part in one step of the others; false when there is none left.
bool DistributedDataParallel::shadow_step() {
  const int64_t active = sum_over_ranks(0);
  if (active == 0) return false;
  if (joining_->throw_on_early_termination) {
    sum_over_ranks(1);
    throw Error(concat("[", kName, "] rank ", group_->rank(), " has run out of inputs"));
  }
  reducer_->set_divisor(joining_->divide_by_initial_world_size ? group_->size() : active);
  reducer_->rebuild_buckets();
  if (sends_buffers()) send_buffers(common_rank(false));
  syncs_forward_ = sum_over_ranks(0) > 0;
  if (syncs_forward_) reducer_->shadow();
  return true;
}

void DistributedDataParallel::join(const std::function<void()>& training,
                                   const JoinOptions& options) {
  if (!options.enable) return training();
  struct Joining {
    DistributedDataParallel& ddp;
    ~Joining() {
      ddp.joining_.reset();
      ddp.reducer_->set_divisor(ddp.group_->size());
    }
  };
  joining_ = options;
  const Joining until_the_end{*this};
  training();
  bool last = true;
  while (shadow_step()) last = false;
  send_state(common_rank(last));
}

}  // namespace nw::dist
