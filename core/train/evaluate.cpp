#include "core/train/evaluate.h"

#include <algorithm>
#include <numeric>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"

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

Dims batch_sizes(int64_t count, const Dims& sample) {
  Dims sizes = sample;
  sizes.insert(0, count);
  return sizes;
}

}  // namespace

std::optional<int64_t> count_correct(const Tensor& prediction, const Tensor& target) {
  if (prediction.dim() != 2 || target.dim() != 1 || target.dtype() != DType::Int64) return {};
  const Tensor scores = raw::contiguous(prediction.detach());
  const Tensor best = empty(target.sizes(), DType::Int64, scores.device());
  kernels_of(scores).extreme(ReduceOp::Max, scores, {}, best);
  const int64_t* answers = best.data<int64_t>();
  const int64_t* classes = target.data<int64_t>();
  int64_t correct = 0;
  for (int64_t i = 0; i < target.numel(); ++i) correct += answers[i] == classes[i];
  return correct;
}

Evaluation evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                    const std::function<bool()>& keep_going) {
  NW_CHECK(dataset.size() > 0, "[evaluate] expects a data set with samples, gets an empty one");
  NW_CHECK(batch_size > 0, "[evaluate] batch_size must be at least 1, is ", batch_size);
  const EvalMode mode(model);
  const autograd::NoGrad no_grad;
  std::vector<int64_t> order(static_cast<size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), int64_t{0});

  const bool classifies = dataset.class_count() > 0 && model.learns_targets();
  Evaluation sum;
  int64_t correct = 0;
  Tensor x;
  Tensor y;
  for (int64_t begin = 0; begin < dataset.size(); begin += batch_size) {
    if (keep_going && !keep_going()) break;
    const int64_t count = std::min(batch_size, dataset.size() - begin);
    if (!x.defined() || x.size(0) != count) {
      x = empty(batch_sizes(count, dataset.sample_sizes()), dataset.sample_dtype());
      y = empty(batch_sizes(count, dataset.target_sizes()), dataset.target_dtype());
    }
    dataset.read(std::span(order).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
                 x, y);
    const Tensor prediction = model.call({x})[0];
    const double loss = model.loss(prediction, y, x).item();
    sum.loss += model.loss_per_sample(loss, count) * static_cast<double>(count);
    if (classifies) correct += count_correct(prediction, y).value_or(0);
    sum.samples += count;
  }
  if (sum.samples == 0) return sum;
  sum.loss /= static_cast<double>(sum.samples);
  sum.accuracy = static_cast<double>(correct) / static_cast<double>(sum.samples);
  return sum;
}

}  // namespace nw::train
