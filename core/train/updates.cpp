#include "core/train/updates.h"

#include "core/base/random.h"
#include "core/optim/clip.h"

namespace nw::train {
namespace {

/// A second model of the same make; the stream of random numbers stays where it is.
std::unique_ptr<graph::Model> twin_of(const graph::Graph& graph, const data::Signature& data) {
  const Generator before = default_generator();
  std::unique_ptr<graph::Model> twin = graph::build(graph, data);
  default_generator() = before;
  return twin;
}

}  // namespace

Updates::Updates(const graph::Project& project, const data::Signature& data, graph::Model& model,
                 int64_t batches)
    : model_(model),
      params_(model.parameters()),
      clip_norm_(project.run.clip_norm),
      clip_value_(project.run.clip_value),
      scaler_({.enabled = project.run.precision == "float16"}) {
  nn::Args args;
  optimizer_ = graph::find_optimizer(project.run.optimizer, args).make(params_, args);
  schedule_ = optim::Schedule(graph::find_schedule(project.run), *optimizer_,
                              {project.run.epochs, batches});
  schedule_.check_length();
  if (project.run.ema_decay) {
    std::unique_ptr<graph::Model> average = twin_of(project.graph, data);
    average->set_autocast(graph::autocast_of(project.run));
    averaging_.emplace(std::move(average), model, *project.run.ema_decay);
  }
}

void Updates::take_gradients() {
  scaler_.unscale_(*optimizer_);
  if (clip_norm_) optim::clip_grad_norm_(params_, *clip_norm_);
  if (clip_value_) optim::clip_grad_value_(params_, *clip_value_);
}

void Updates::step() {
  scaler_.step(*optimizer_);
  scaler_.update();
}

void Updates::after_batch(int64_t epoch, int64_t batch) {
  schedule_.after_batch(epoch, batch);
  if (averaging_) averaging_->follow(model_);
}

void Updates::save(Checkpoint& checkpoint) const {
  checkpoint.optimizer = copy_of(optimizer_->state_dict());
  checkpoint.schedulers = schedule_.state();
  checkpoint.scaler = scaler_.state_dict();
  if (!averaging_) return;
  const Averaging::State state = averaging_->state();
  checkpoint.average = Averaging::State{copy_of(state.model), state.updates};
}

void Updates::load(const Checkpoint& checkpoint) {
  NW_CHECK(checkpoint.average.has_value() == averages(), "[run] the checkpoint was made ",
           averages() ? "without" : "with", " an average of the weights; a run goes on with the ",
           "ema_decay that it had");
  optimizer_->load_state_dict(checkpoint.optimizer);
  schedule_.load_state(checkpoint.schedulers);
  if (!checkpoint.scaler.empty()) scaler_.load_state_dict(checkpoint.scaler);
  if (averaging_) averaging_->load_state(*checkpoint.average);
}

}  // namespace nw::train
