#include "core/train/evaluate.h"

#include <algorithm>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"

namespace nw::train {
namespace {

/// Sets a module to eval mode and back to what it was.
class EvalMode {
 public:
  explicit EvalMode(nn::Module& module) : module_(module), training_(module.training()) {
    module_.eval();
  }
  ~EvalMode() { module_.train(training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  nn::Module& module_;
  bool training_;
};

/// Where the model's numbers are.
Device device_of(nn::Module& model) {
  const auto parameters = model.parameters();
  return parameters.empty() ? kCpu : parameters.front().device();
}

Dims batch_sizes(int64_t count, const Dims& sample) {
  Dims sizes = sample;
  sizes.insert(0, count);
  return sizes;
}

}  // namespace

Tensor correct_of(const Tensor& prediction, const Tensor& target) {
  if (prediction.dim() != 2 || target.dim() != 1 || target.dtype() != DType::Int64) return {};
  const Tensor scores = raw::contiguous(prediction.detach());
  const Tensor best = empty(target.sizes(), DType::Int64, scores.device());
  kernels_of(scores).extreme(ReduceOp::Max, scores, {}, best);
  const Tensor right = empty(target.sizes(), DType::Bool, scores.device());
  kernels_of(scores).binary(BinaryOp::Eq, best, target, right);
  const Tensor count = empty({}, DType::Int64, scores.device());
  kernels_of(scores).index->count_nonzero(right, count);
  return count;
}

std::optional<int64_t> count_correct(const Tensor& prediction, const Tensor& target) {
  const Tensor count = correct_of(prediction, target);
  if (!count.defined()) return {};
  return count.scalar().to_int64();
}

std::vector<BatchFigures> evaluate_batches(graph::Model& model, const data::Dataset& dataset,
                                           int64_t batch_size,
                                           const std::function<bool()>& keep_going,
                                           data::Share share) {
  NW_CHECK(dataset.size() > 0, "[evaluate] expects a data set with samples, gets an empty one");
  NW_CHECK(batch_size > 0, "[evaluate] batch_size must be at least 1, is ", batch_size);
  const EvalMode mode(model);
  const autograd::NoGrad no_grad;
  const bool classifies = dataset.class_count() > 0 && model.learns_targets();
  const Device device = device_of(model);
  std::vector<BatchFigures> batches;
  std::vector<int64_t> order;
  Tensor x;
  Tensor y;
  for (int64_t begin = 0; begin < dataset.size(); begin += batch_size) {
    if (keep_going && !keep_going()) break;
    BatchFigures figures;
    figures.samples = std::min(batch_size, dataset.size() - begin);
    order.clear();
    for (int64_t i = share.rank; i < figures.samples; i += share.count) order.push_back(begin + i);
    const auto count = static_cast<int64_t>(order.size());
    if (count > 0) {
      if (!x.defined() || x.size(0) != count) {
        x = empty(batch_sizes(count, dataset.sample_sizes()), dataset.sample_dtype());
        y = empty(batch_sizes(count, dataset.target_sizes()), dataset.target_dtype());
      }
      dataset.read(order, x, y);
      const Tensor input = raw::to(x, device);
      const Tensor target = raw::to(y, device);
      const Tensor prediction = model.call({input})[0];
      figures.loss = model.loss(prediction, target, input).item();
      figures.weight = model.loss_weight(y, count);
      if (classifies) figures.correct = count_correct(prediction, target).value_or(0);
    }
    batches.push_back(figures);
  }
  return batches;
}

Evaluation evaluation_of(const graph::Model& model, std::span<const BatchFigures> batches) {
  Evaluation sum;
  int64_t correct = 0;
  for (const BatchFigures& batch : batches) {
    sum.loss +=
        model.loss_per_sample(batch.loss, batch.samples) * static_cast<double>(batch.samples);
    correct += batch.correct;
    sum.samples += batch.samples;
  }
  if (sum.samples == 0) return sum;
  sum.loss /= static_cast<double>(sum.samples);
  sum.accuracy = static_cast<double>(correct) / static_cast<double>(sum.samples);
  return sum;
}

Evaluation evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                    const std::function<bool()>& keep_going) {
  return evaluation_of(model, evaluate_batches(model, dataset, batch_size, keep_going));
}

}  // namespace nw::train
