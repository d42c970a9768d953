#include "core/train/live_state.h"

namespace nw::train {

nn::StateDict LiveState::weights(bool trained) const {
  if (updates == nullptr) return {};
  return copy_of((trained ? *model : updates->evaluated()).state_dict());
}

std::optional<Checkpoint> LiveState::checkpoint() const {
  if (progress.epoch == 0) return {};
  Checkpoint out;
  out.model = copy_of(model->state_dict());
  updates->save(out);
  out.step = progress.step;
  out.epoch = progress.epoch;
  out.batch = progress.batch;
  out.loss = sums.loss;
  out.correct = sums.correct;
  out.samples = sums.samples;
  out.generator = progress.generator;
  out.epoch_generator = progress.epoch_generator;
  out.curves = curves;
  return out;
}

void LiveState::load(const Checkpoint& checkpoint) {
  model->load_state_dict(checkpoint.model);
  updates->load(checkpoint);
  curves = checkpoint.curves;
}

void LiveState::begin_epoch(int64_t step, int64_t epoch) {
  progress.step = step;
  progress.epoch = epoch;
  progress.batch = 0;
  progress.epoch_generator = default_generator();
  sums = {};
}

void LiveState::skip_to(const Checkpoint& checkpoint) {
  progress.batch = checkpoint.batch;
  sums = {checkpoint.loss, checkpoint.correct, checkpoint.samples};
}

void LiveState::end_batch(const StepDone& done, int64_t correct, int64_t samples) {
  sums.loss += done.loss * static_cast<double>(samples);
  sums.correct += correct;
  sums.samples += samples;
  progress.step = done.step;
  progress.batch = done.batch;
  progress.generator = default_generator();
  curves.add(done);
}

void LiveState::end_epoch(const EpochDone& done) {
  curves.add(done);
  ++progress.epoch;
  progress.batch = 0;
  progress.epoch_generator = progress.generator;
  sums = {};
}

}  // namespace nw::train
