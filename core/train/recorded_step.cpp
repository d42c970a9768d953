#include "core/train/recorded_step.h"

#include "core/autograd/hooks.h"
#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::train {

RecordedStep::RecordedStep(nn::Module& model, Device device, StepWork work)
    : model_(model),
      device_(device),
      work_(std::move(work)),
      own_hooks_(hooks_on_parameters()),
      refusal_(work_.refusal) {
  Backend& backend = backend_of(device);
  if (!backend.can_capture()) refusal_ = concat(backend.name(), " does not record work");
}

size_t RecordedStep::hooks_on_parameters() const {
  size_t count = 0;
  for (const Tensor& param : model_.parameters()) {
    if (param.defined()) count += autograd::hooks_on(param);
  }
  return count;
}

RecordedStep::Conditions RecordedStep::conditions_of(const Tensor& x, const Tensor& y,
                                                     int64_t whole) const {
  Conditions now{whole,
                 x.sizes(),
                 y.sizes(),
                 x.dtype(),
                 y.dtype(),
                 math_mode(),
                 work_.setting ? work_.setting() : 0,
                 false,
                 {},
                 {}};
  for (const nn::Module* module : model_.modules()) {
    now.parts.push_back({module, module->training()});
    now.hooked = now.hooked || module->has_hooks();
  }
  size_t hooks = 0;
  for (const auto& list : {model_.parameters(), model_.buffers()}) {
    for (const Tensor& tensor : list) {
      if (!tensor.defined()) continue;
      now.places.push_back(
          {tensor.raw(), static_cast<uint32_t>(tensor.dtype()), tensor.requires_grad()});
      if (tensor.requires_grad()) hooks += autograd::hooks_on(tensor);
    }
  }
  now.hooked = now.hooked || hooks != own_hooks_;
  return now;
}

bool RecordedStep::may_replay(const Conditions& now) const {
  if (recorded_ == nullptr) return false;
  const bool again = now == recorded_under_;
  // Ranks see a smaller batch together; where one alone does other work, the others would wait.
  NW_CHECK(again || !work_.all_could || now.whole != recorded_under_.whole,
           "[run] the model has changed on this rank while the ranks replay recorded steps");
  return again;
}

/// Counts the steps that were alike.
bool RecordedStep::may_record(const Conditions& now) {
  alike_ = now == seen_ && !now.hooked ? alike_ + 1 : 0;
  seen_ = now;
  return alike_ >= kWarmUps;
}

void RecordedStep::clear_gradients() const {
  for (const Tensor& param : model_.parameters()) param.set_grad({});
}

/// False, with the reason noted, where it cannot be recorded; then nothing was done.
bool RecordedStep::record(const Tensor& x, const Tensor& y) {
  Backend& backend = backend_of(device_);
  recorded_.reset();
  backend.empty_cache(device_);  // what the steps so far kept for reuse
  auto made = std::make_unique<Recorded>();
  made->x = raw::clone(x);
  made->y = raw::clone(y);
  Generator& generator = default_generator();
  try {
    made->forward = backend.capture(device_, generator, nullptr,
                                    [&] { made->figures = work_.forward(made->x, made->y); });
    made->backward = backend.capture(device_, generator, made->forward.get(),
                                     [&] { work_.backward(made->figures.loss); });
  } catch (const Error& error) {
    refusal_ = error.text();
    clear_gradients();
    if (work_.forget) work_.forget();
    return false;
  }
  made->figures.loss = made->figures.loss.detach();
  for (const Tensor& param : model_.parameters()) {
    if (param.grad().defined()) made->gradients.emplace_back(param, param.grad());
  }
  clear_gradients();
  recorded_ = std::move(made);
  recorded_under_ = seen_;
  return true;
}

/// The same on all ranks, or on none; `may`: whether it is time to.
bool RecordedStep::record_with_others(bool may, const Tensor& x, const Tensor& y) {
  const bool could = may && record(x, y);
  if (work_.all_could(could)) return true;
  recorded_.reset();
  if (could) refusal_ = "another rank could not record its work";
  return false;
}

/// Whether the step is to be replayed, from a recording that is made now if need be.
bool RecordedStep::take_recording(const Tensor& x, const Tensor& y, int64_t whole) {
  const Conditions now = conditions_of(x, y, whole);
  if (may_replay(now)) {
    alike_ = 0;  // a smaller batch now and then is not worth another recording
    return true;
  }
  if (!work_.all_ready) return may_record(now) && record(x, y);
  // All ranks come to the question, or none: what it depends on is known to all.
  const bool ask = recorded_ == nullptr && whole == seen_.whole && work_.all_ready();
  const bool may = may_record(now);
  return ask && record_with_others(may, x, y);
}

StepFigures RecordedStep::forward(const Tensor& x, const Tensor& y, int64_t whole) {
  replaying_ = refusal_.empty() && take_recording(x, y, whole);
  if (!replaying_) {
    const StepFigures figures = work_.forward(x, y);
    loss_ = figures.loss;
    return figures;
  }
  raw::copy_(recorded_->x, x);
  raw::copy_(recorded_->y, y);
  recorded_->forward->replay(default_generator());
  ++replays_;
  return recorded_->figures;
}

void RecordedStep::backward() {
  if (!replaying_) {
    work_.backward(std::exchange(loss_, Tensor()));
    return;
  }
  recorded_->backward->replay(default_generator());
  for (const auto& [param, gradient] : recorded_->gradients) param.set_grad(gradient);
}

/// Leaves the refusal where it cannot be recorded.
void RecordedStep::record_update() {
  try {
    recorded_->update = backend_of(device_).capture(device_, default_generator(),
                                                    recorded_->backward.get(), work_.update.queue);
  } catch (const Error& error) {
    work_.update.refusal = error.text();
  }
}

void RecordedStep::update() {
  StepWork::Update& update = work_.update;
  if (!replaying_ || !update.refusal.empty()) {
    update.run();
    return;
  }
  if (!update.prepare()) recorded_->update.reset();
  if (recorded_->update == nullptr) record_update();
  if (recorded_->update != nullptr) {
    recorded_->update->replay(default_generator());
  } else {
    update.queue();
  }
  update.finish();
}

std::string RecordedStep::report() const {
  if (!refusal_.empty()) return "Steps are not recorded: " + refusal_;
  if (replays_ == 0) {
    return concat("Steps are not recorded: that takes ", kWarmUps + 1,
                  " batches of one size in a row, and layers without hooks");
  }
  if (update_refusal().empty()) return "Steps are recorded and replayed";
  return "Forward and backward are recorded and replayed, updates of weights are not: " +
         update_refusal();
}

}  // namespace nw::train
