#include "core/dist/reducer.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/dist/graph_walk.h"
#include "core/dist/rows.h"

namespace nw::dist {
namespace {

bool has_sixteen_bits(DType dtype) {
  return dtype == DType::Float16 || dtype == DType::BFloat16;
}

/// The order that was given, when it names the very parameters that are in `all`.
std::vector<size_t> known_order(const std::vector<int64_t>& given, std::vector<size_t> all) {
  std::vector<size_t> order(given.begin(), given.end());
  std::vector<size_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::sort(all.begin(), all.end());
  return sorted == all ? order : std::vector<size_t>();
}

/// row /= divisor
void divide(const Tensor& row, int64_t divisor) {
  const Tensor scaled = empty_like(row);
  kernels_of(row).affine(row, 1.0 / static_cast<double>(divisor), 0.0, scaled);
  raw::copy_(row, scaled);
}

}  // namespace

Reducer::Reducer(const Named& params, std::shared_ptr<ProcessGroup> group,
                 const ReducerOptions& options)
    : group_(std::move(group)),
      options_(options),
      divisor_(group_->size()),
      ready_(params.size()),
      used_(params.size()),
      hook_runs_(params.size()) {
  for (size_t i = 0; i < params.size(); ++i) {
    names_.push_back(params[i].first);
    params_.push_back(params[i].second);
    hooks_.push_back(autograd::register_post_accumulate_grad_hook(
        params_.back(), [this, i](const Tensor&) { on_gradient(i); }));
  }
  std::vector<size_t> order(params.size());
  // The last parameters most likely get their gradients first.
  std::iota(order.rbegin(), order.rend(), size_t{0});
  if (std::vector<size_t> known = known_order(options_.gradient_order, order); !known.empty()) {
    order = std::move(known);
    arrival_ = order;
    has_rebuilt_ = true;
  }
  make_buckets(
      plan_buckets(params_, order, std::array{options_.first_bucket_bytes, options_.bucket_bytes}));
}

Reducer::~Reducer() {
  for (autograd::TensorHookHandle& hook : hooks_) hook.remove();
}

void Reducer::make_buckets(BucketPlan plan) {
  plan_ = std::move(plan);
  buckets_.clear();
  places_.assign(params_.size(), {});
  for (size_t b = 0; b < plan_.size(); ++b) {
    Bucket bucket;
    int64_t numel = 0;
    for (const size_t param : plan_[b]) numel += params_[param].numel();
    const Tensor& like = params_[plan_[b][0]];
    const Tensor whole = zeros({numel}, like.dtype(), like.device());
    int64_t at = 0;
    for (size_t m = 0; m < plan_[b].size(); ++m) {
      const Tensor& param = params_[plan_[b][m]];
      bucket.views.push_back(
          whole.as_strided(param.sizes(), contiguous_strides(param.sizes()), at));
      places_[plan_[b][m]] = {b, m};
      at += param.numel();
    }
    bucket.flat = as_row(whole);
    bucket.pending = plan_[b].size();
    buckets_.push_back(std::move(bucket));
  }
}

GradBucket Reducer::described(size_t bucket, const Tensor& buffer) const {
  GradBucket out{bucket, bucket + 1 == buckets_.size(), buffer};
  for (size_t m = 0; m < plan_[bucket].size(); ++m) {
    const Tensor& view = buckets_[bucket].views[m];
    out.gradients.emplace_back(buffer.storage(), view.sizes(), view.strides(), view.offset(),
                               view.dtype());
    out.parameters.push_back(params_[plan_[bucket][m]]);
  }
  return out;
}

void Reducer::begin_step() {
  step_ = {};
  step_began_ = Clock::now();
  sent_before_ = group_->bytes_sent();
}

bool Reducer::rebuild_buckets() {
  check_finished();
  if (!should_rebuild() || arrival_.empty()) return false;
  NW_ASSERT(arrival_.size() == params_.size());
  const std::array limits{options_.first_bucket_bytes, options_.bucket_bytes};
  const BucketPlan own = plan_buckets(params_, arrival_, limits);
  make_buckets(agreed_plan(*group_, own, params_.size(), params_[0].device()));
  has_rebuilt_ = true;
  return true;
}

std::string Reducer::names_of(const std::vector<size_t>& params) const {
  std::string names;
  for (const size_t param : params) names += (names.empty() ? "" : ", ") + names_[param];
  return names;
}

void Reducer::reset_step() {
  for (size_t b = 0; b < buckets_.size(); ++b) {
    buckets_[b].pending = plan_[b].size();
    buckets_[b].work.reset();
  }
  std::fill(ready_.begin(), ready_.end(), char{0});
  next_bucket_ = 0;
  unused_marked_ = false;
  unused_.clear();
  if (should_rebuild()) arrival_.clear();
}

void Reducer::check_finished() const {
  if (!unfinished_) return;
  std::vector<size_t> missing;
  for (size_t i = 0; i < params_.size(); ++i) {
    if (!ready_[i]) missing.push_back(i);
  }
  throw Error(
      concat("[DistributedDataParallel] expects the gradients of one step to be averaged before "
             "the next begins, but on rank ",
             group_->rank(), " some parameters got none: ", names_of(missing),
             ". They had no part in the loss, or not every output of forward had. Set "
             "find_unused_parameters, or leave the parameters out by requires_grad"));
}

void Reducer::prepare_for_backward(const Tensors& outputs) {
  reset_step();
  expects_hooks_ = true;
  if (options_.static_graph) {
    hook_runs_left_ = hook_runs_;
    for (size_t i = 0; graph_known_ && i < params_.size(); ++i) {
      if (hook_runs_[i] == 0) unused_.push_back(i);
    }
  } else if (finds_unused()) {
    const std::vector<bool> used = leads_to(outputs, params_);
    for (size_t i = 0; i < params_.size(); ++i) {
      if (!used[i]) unused_.push_back(i);
    }
  }
}

void Reducer::on_gradient(size_t param) {
  if (finds_unused() || learns_graph()) {
    if (params_[param].grad().defined()) used_[param] = 1;
  }
  if (!expects_hooks_) return;
  if (learns_graph()) {
    if (!std::exchange(unused_marked_, true)) {
      autograd::after_backward([this] { reduce_learned_graph(); });
    }
    ++hook_runs_[param];
    return;
  }
  watch_reductions();
  if (!std::exchange(unused_marked_, true)) {
    for (const size_t unused : unused_) mark_ready(unused);
  }
  if (options_.static_graph) {
    NW_CHECK(hook_runs_left_[param] > 0,
             "[DistributedDataParallel] the graph has changed: ", names_[param],
             " gets a gradient that it did not get in the first step. Leave ", "static_graph out");
    if (--hook_runs_left_[param] > 0) return;
  }
  mark_ready(param);
  if (next_bucket_ < buckets_.size()) return;
  launch_rest();
  autograd::after_backward([this] { finish(); });
}

void Reducer::mark_ready(size_t param) {
  NW_CHECK(!ready_[param], "[DistributedDataParallel] ", names_[param], " got its gradient twice ",
           "in one step. Call backward once for each forward, or all but the last time within ",
           "no_sync; a parameter that is used by several backwards needs static_graph");
  unfinished_ = true;
  ready_[param] = 1;
  if (should_rebuild()) arrival_.push_back(param);
  fill_view(param);
  --buckets_[places_[param].first].pending;
  launch_full_buckets();
}

/// Brings the gradient where its bucket wants it; none counts as 0.
void Reducer::fill_view(size_t param) {
  const auto [bucket, member] = places_[param];
  const Tensor& view = buckets_[bucket].views[member];
  const Tensor& grad = params_[param].grad();
  if (!grad.defined()) {
    raw::fill_(view, 0);
  } else if (grad.raw() != view.raw()) {
    raw::copy_(view, grad);
  }
}

/// In their order, which must be the same on all ranks.
void Reducer::launch_full_buckets() {
  while (next_bucket_ < buckets_.size() && buckets_[next_bucket_].pending == 0) {
    buckets_[next_bucket_].work = launch(next_bucket_, buckets_[next_bucket_].flat);
    ++next_bucket_;
  }
}

WorkHandle Reducer::launch(size_t bucket, const Tensor& flat) {
  if (under_way_.empty()) reducing_since_ = Clock::now();
  WorkHandle work;
  if (comm_hook_) {
    work = comm_hook_(described(bucket, flat));
  } else if (divisor_ == group_->size() && !has_sixteen_bits(flat.dtype())) {
    work = group_->all_reduce(flat, Reduction::Average);
  } else {
    // Divided first: a sum in 16 bits could leave their range.
    divide(flat, divisor_);
    work = group_->all_reduce(flat, Reduction::Sum);
  }
  under_way_.push_back(work);
  return work;
}

/// What goes behind the last bucket.
void Reducer::launch_rest() {
  if (finds_unused() || learns_graph()) exchange_used();
}

/// What was used within no_sync counts, too, while its gradient is there: where PyTorch 1.13 leaves
/// it out, the ranks would go apart.
void Reducer::exchange_used() {
  for (size_t i = 0; i < params_.size(); ++i) {
    if (!params_[i].grad().defined()) used_[i] = 0;
  }
  std::vector<int32_t> counts(used_.begin(), used_.end());
  exchange_used(tensor_of<int32_t>(counts, {static_cast<int64_t>(counts.size())}));
}

void Reducer::exchange_used(const Tensor& counts) {
  used_map_ = raw::to(counts, params_[0].device());
  used_work_ = group_->all_reduce(used_map_, Reduction::Sum);
}

/// At the end of the first backward of a static graph.
void Reducer::reduce_learned_graph() {
  for (size_t i = 0; i < params_.size(); ++i) fill_view(i);
  unfinished_ = true;
  for (; next_bucket_ < buckets_.size(); ++next_bucket_) {
    buckets_[next_bucket_].work = launch(next_bucket_, buckets_[next_bucket_].flat);
  }
  launch_rest();
  finish();
}

void Reducer::wait(const WorkHandle& work) {
  const auto began = Clock::now();
  work->wait();
  step_.wait += std::chrono::duration<double>(Clock::now() - began).count();
  watch_reductions();
}

/// Notes the time when the last all-reduce that was under way is seen to be done.
void Reducer::watch_reductions() {
  if (under_way_.empty()) return;
  std::erase_if(under_way_, [](const WorkHandle& work) { return work->is_completed(); });
  if (under_way_.empty()) {
    step_.reduce += std::chrono::duration<double>(Clock::now() - reducing_since_).count();
  }
}

void Reducer::finish() {
  expects_hooks_ = false;
  unfinished_ = false;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    wait(buckets_[b].work);
    buckets_[b].work.reset();
    for (const size_t param : plan_[b]) take_gradient(param);
  }
  if (used_work_) wait(used_work_);
  used_work_.reset();
  under_way_.clear();
  if (options_.static_graph) {
    graph_known_ = true;  // and with it who is used
  } else {
    std::fill(used_.begin(), used_.end(), char{0});
  }
  const double whole = std::chrono::duration<double>(Clock::now() - step_began_).count();
  step_.compute = std::max(whole - step_.wait, 0.0);
  step_.bytes = group_->bytes_sent() - sent_before_;
  last_step_ = step_;
}

bool Reducer::unused_everywhere(size_t param) {
  if (!options_.find_unused_parameters && !options_.static_graph) return false;
  if (used_[param]) return false;
  if (used_work_) {
    wait(used_work_);
    used_work_.reset();
    used_map_ = raw::to(used_map_, kCpu);
  }
  return used_map_.data<int32_t>()[param] == 0;
}

/// The average becomes the parameter's gradient; one that nobody used keeps what it has.
void Reducer::take_gradient(size_t param) {
  if (unused_everywhere(param)) return;
  const auto [bucket, member] = places_[param];
  const Tensor& view = buckets_[bucket].views[member];
  const Tensor& grad = params_[param].grad();
  view.storage()->bump_version();
  if (options_.gradient_as_bucket_view) {
    if (!grad.defined() || grad.raw() != view.raw()) params_[param].set_grad(view);
  } else if (!grad.defined()) {
    params_[param].set_grad(raw::clone(view));
  } else {
    raw::copy_(grad, view);
  }
}

void Reducer::forget_step() {
  expects_hooks_ = false;
  unfinished_ = false;
  under_way_.clear();
  used_work_.reset();
  reset_step();
}

void Reducer::reduce_without_backward() {
  prepare_for_backward({});
  if (learns_graph()) {
    reduce_learned_graph();
    learn_graph_of_others();
    return;
  }
  for (size_t i = 0; i < params_.size(); ++i) mark_ready(i);
  launch_rest();
  finish();
}

void Reducer::shadow() {
  const bool learns = learns_graph();
  std::vector<WorkHandle> works;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    const Tensor& flat = buckets_[b].flat;
    works.push_back(launch(b, zeros(flat.sizes(), flat.dtype(), flat.device())));
  }
  if (finds_unused() || learns) {
    // The counts of the step before, as PyTorch gives them: what was used then is averaged on.
    if (!used_map_.defined()) {
      used_map_ = zeros({static_cast<int64_t>(params_.size())}, DType::Int32);
    }
    exchange_used(used_map_);
    works.push_back(std::exchange(used_work_, nullptr));
  }
  for (const WorkHandle& work : works) work->wait();
  under_way_.clear();
  if (learns) learn_graph_of_others();
  if (should_rebuild() && arrival_.empty()) {
    arrival_.resize(params_.size());
    std::iota(arrival_.begin(), arrival_.end(), size_t{0});
  }
}

/// What this rank could not see in the first step of a static graph: whoever is used elsewhere
/// will be used here.
void Reducer::learn_graph_of_others() {
  used_map_ = raw::to(used_map_, kCpu);
  for (size_t i = 0; i < params_.size(); ++i) {
    hook_runs_[i] = used_map_.data<int32_t>()[i] > 0 ? 1 : 0;
  }
  graph_known_ = true;
}

void Reducer::register_comm_hook(CommHook hook) {
  NW_CHECK(!comm_hook_, "[DistributedDataParallel] there is a communication hook already");
  NW_CHECK(hook, "[DistributedDataParallel] expects a communication hook");
  comm_hook_ = std::move(hook);
}

}  // namespace nw::dist
