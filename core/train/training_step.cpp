#include "core/train/training_step.h"

#include <cmath>

#include "core/autograd/engine.h"
#include "core/backend/fetch.h"

namespace nw::train {

TrainingStep::TrainingStep(Run run)
    : run_(std::move(run)), steps_(run_.model, run_.device, work()) {}

StepWork TrainingStep::work() {
  StepWork out;
  out.forward = [this](const Tensor& x, const Tensor& y) {
    const Tensor answer = run_.ranks ? run_.ranks->predict(x) : run_.model.call({x})[0];
    return StepFigures{run_.model.loss(answer, y, x),
                       run_.classifies ? correct_of(answer, y) : Tensor()};
  };
  out.backward = [this](const Tensor& loss) {
    const Tensor root = run_.updates.scaled(loss);
    autograd::backward(root, run_.ranks ? run_.ranks->slope(root) : Tensor());
  };
  out.update = run_.updates.update();
  out.setting = [this] {
    const std::optional<DType> dtype = run_.model.autocast();
    return dtype ? 1 + static_cast<int64_t>(*dtype) : 0;
  };
  if (run_.ranks == nullptr) return out;
  out.refusal = run_.ranks->no_recording();
  out.all_ready = [this] { return run_.ranks->all_ready(); };
  out.all_could = [this](bool could) { return run_.ranks->all_could(could); };
  out.forget = [this] { run_.ranks->forget_step(); };
  return out;
}

/// A GPU is asked for the figures before backward and has them ready while it still works, and the
/// next batch is read meanwhile.
ShareFigures TrainingStep::see_share(const data::Batch& batch, Tensor* loss) {
  const StepFigures figures = steps_.forward(batch.x, batch.y, batch.whole);
  Fetch value(figures.loss.detach());
  std::optional<Fetch> correct;
  if (figures.correct.defined()) correct.emplace(figures.correct);
  steps_.backward();
  run_.meanwhile();
  if (loss != nullptr) *loss = figures.loss;
  ShareFigures seen{value.get().to_double(), 0, steps_.ready(), steps_.replaying()};
  if (correct) seen.correct = correct->get().to_int64();
  return seen;
}

Look TrainingStep::see(const data::Batch& batch, int64_t step) {
  if (run_.ranks) {
    return run_.ranks->look(batch, step, [&](const data::Batch& own) { return see_share(own); });
  }
  Tensor loss;
  const ShareFigures seen = see_share(batch, &loss);
  return {loss, run_.model.loss_per_sample(seen.loss, batch.size()), seen.correct};
}

Look TrainingStep::look(const data::Batch& batch, int64_t step) {
  if (!optimizer().spec().needs_closure) {
    optimizer().zero_grad();
    return see(batch, step);
  }
  std::optional<Look> first;
  optimizer().step([&] {
    optimizer().zero_grad();
    const Look now = see(batch, step);
    if (!first) first = now;
    if (std::isfinite(now.loss_per_sample)) run_.updates.take_gradients();
    return now.loss;
  });
  return *first;
}

void TrainingStep::update() {
  if (optimizer().spec().needs_closure) {
    run_.updates.follow();
  } else {
    steps_.update();
  }
}

}  // namespace nw::train
