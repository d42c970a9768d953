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
  if (!optimizer_->spec().needs_closure) {
    recordable_ = std::make_unique<optim::RecordableStep>(*optimizer_);
  }
  schedule_ = optim::Schedule(graph::find_schedule(project.run), *optimizer_,
                              {project.run.epochs, batches});
  schedule_.check_length();
  if (project.run.ema_decay) {
    std::unique_ptr<graph::Model> average = twin_of(project.graph, data);
    average->set_autocast(graph::autocast_of(project.run));
    if (!params_.empty()) average->to(params_[0].device());
    averaging_.emplace(std::move(average), model, *project.run.ema_decay);
  }
}

void Updates::take_gradients() {
  scaler_.unscale_(*optimizer_);
  clip();
}

void Updates::clip() {
  if (clip_norm_) optim::queue_clip_grad_norm_(params_, *clip_norm_);
  if (clip_value_) optim::clip_grad_value_(params_, *clip_value_);
}

void Updates::follow() {
  if (averaging_) averaging_->follow(model_);
}

StepWork::Update Updates::update() {
  StepWork::Update out;
  out.run = [this] { run_update(); };
  if (recordable_ == nullptr) {
    out.refusal = concat(optimizer_->spec().id, " looks at several points in a step");
    return out;
  }
  out.prepare = [this] { return recordable_->prepare(); };
  out.queue = [this] { queue_update(); };
  out.finish = [this] { finish_update(); };
  return out;
}

void Updates::run_update() {
  if (recordable_) recordable_->settle();
  take_gradients();
  scaler_.step(*optimizer_);
  scaler_.update();
  follow();
}

/// The same without waiting for the device.
void Updates::queue_update() {
  if (scaler_.is_enabled()) found_ = scaler_.unscale_to_flag(*optimizer_);
  clip();
  recordable_->queue(found_);
  if (scaler_.is_enabled()) scaler_.update_by(found_);
  if (averaging_) averaging_->queue(model_);
}

void Updates::finish_update() {
  if (scaler_.is_enabled()) recordable_->count_unless(found_);
  if (averaging_) averaging_->count();
}

void Updates::save(Checkpoint& checkpoint) const {
  if (recordable_) recordable_->settle();
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
  if (recordable_) recordable_->forget();
  optimizer_->load_state_dict(checkpoint.optimizer);
  schedule_.load_state(checkpoint.schedulers);
  if (!checkpoint.scaler.empty()) scaler_.load_state_dict(checkpoint.scaler);
  if (averaging_) averaging_->load_state(*checkpoint.average);
}

}  // namespace nw::train
