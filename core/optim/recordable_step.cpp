#include "core/optim/recordable_step.h"

#include <cstring>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/optim/optimizer_batch.h"

namespace nw::optim {
namespace {

constexpr auto kRowBytes = static_cast<int64_t>(kRuleBytes);

/// The numbers of `rule` as kernels read them.
template <typename F>
void write_numbers(const StepRule& rule, uint8_t* out) {
  std::visit(
      [&](const auto& own) {
        const StepNumbers<std::decay_t<decltype(own)>, F> numbers(own);
        std::memcpy(out, &numbers, sizeof(numbers));
      },
      rule);
}

uintptr_t word_of(const void* address) {
  return reinterpret_cast<uintptr_t>(address);
}

}  // namespace

RecordableStep::RecordableStep(Optimizer& optimizer) : optimizer_(optimizer) {
  NW_CHECK(!optimizer.spec().needs_closure, "[", optimizer.spec().id,
           "] looks at several points in a step, which cannot be recorded");
}

RecordableStep::~RecordableStep() = default;

bool RecordableStep::prepare() {
  settle();
  const autograd::NoGrad no_grad;
  before_.clear();
  for (const Optimizer::Group& group : optimizer_.groups_) {
    for (const Optimizer::State& state : group.states) {
      Before& before = before_.emplace_back(Before{state.started, {}, state.numbers});
      for (size_t i = 0; i < before.defined.size(); ++i) {
        before.defined[i] = state.tensors[i].defined();
      }
    }
  }
  batches_ = optimizer_.next_batches();
  NW_CHECK(!batches_.empty(), "[", optimizer_.spec().id, "] expects gradients, finds none");
  send();
  std::vector<uintptr_t> now = work();
  const bool same = now == work_;
  work_ = std::move(now);
  return same;
}

/// What queue() does, where: other words, other work.
std::vector<uintptr_t> RecordableStep::work() const {
  std::vector<uintptr_t> out{word_of(numbers_.raw())};
  for (const Optimizer::Batch& batch : batches_) {
    out.insert(out.end(), {batch.rule->index(), static_cast<uintptr_t>(batch.params[0].dtype())});
    for (size_t i = 0; i < batch.params.size(); ++i) {
      const Tensor& grad = batch.owners[i]->grad();
      const bool alike = grad.strides() == batch.owners[i]->strides();
      out.insert(out.end(), {word_of(batch.params[i].raw()), word_of(grad.raw()), alike,
                             static_cast<uintptr_t>(batch.params[i].numel())});
    }
    for (const std::vector<Tensor>& list : batch.kept) {
      out.push_back(list.size());
      for (const Tensor& kept : list) out.push_back(word_of(kept.raw()));
    }
  }
  return out;
}

void RecordableStep::send() {
  const Device device = batches_[0].params[0].device();
  const auto rows = static_cast<int64_t>(batches_.size());
  if (!numbers_.defined() || numbers_.size(0) < rows || numbers_.device() != device) {
    numbers_ = empty({rows, kRowBytes}, DType::UInt8, device);
  }
  // Memory of its own for each step: the last one's may still be on its way.
  const Tensor sent = empty_staging({rows, kRowBytes}, DType::UInt8, device);
  for (int64_t b = 0; b < rows; ++b) {
    const Tensor& param = batches_[static_cast<size_t>(b)].params[0];
    NW_CHECK(param.device() == device, "[", optimizer_.spec().id,
             "] expects parameters on one device to record a step, finds some on ",
             to_string(device), " and on ", to_string(param.device()));
    const StepRule& rule = *batches_[static_cast<size_t>(b)].rule;
    uint8_t* const row = sent.data<uint8_t>() + b * kRowBytes;
    if (param.dtype() == DType::Float64) {
      write_numbers<double>(rule, row);
    } else {
      write_numbers<float>(rule, row);
    }
  }
  backend_of(device).transfer(
      {sent.raw(), kCpu, numbers_.raw(), device, kRuleBytes * static_cast<size_t>(rows)});
}

void RecordableStep::queue(const Tensor& skip) {
  const autograd::NoGrad no_grad;
  int64_t row = 0;
  for (Optimizer::Batch& batch : batches_) {
    batch.take_gradients();
    const Tensor numbers =
        numbers_.as_strided({kRowBytes}, {1}, numbers_.offset() + row++ * kRowBytes);
    kernels_of(numbers).optimizer->step_by(*batch.rule, numbers, skip, batch.grads, batch.params,
                                           batch.kept[0], batch.kept[1], batch.kept[2]);
    batch.grads.clear();
  }
}

void RecordableStep::count_unless(const Tensor& skip) {
  left_out_.emplace(skip);
}

void RecordableStep::settle() {
  const std::lock_guard lock(settling_);
  if (!left_out_) return;
  const bool counts = left_out_->get().to_double() == 0;
  left_out_.reset();
  if (counts) return;
  size_t next = 0;
  for (Optimizer::Group& group : optimizer_.groups_) {
    if (next == before_.size()) break;  // added since then
    for (Optimizer::State& state : group.states) {
      const Before& before = before_[next++];
      state.started = before.started;
      state.numbers = before.numbers;
      for (size_t i = 0; i < before.defined.size(); ++i) {
        if (!before.defined[i]) state.tensors[i] = {};
      }
    }
  }
}

}  // namespace nw::optim
