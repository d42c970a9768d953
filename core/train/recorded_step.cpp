#include "core/train/recorded_step.h"

#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::train {

RecordedStep::RecordedStep(nn::Module& model, Device device, Forward forward, Backward backward)
    : model_(model), device_(device), forward_(std::move(forward)), backward_(std::move(backward)) {
  Backend& backend = backend_of(device);
  if (!backend.can_capture()) refusal_ = concat(backend.name(), " does not record work");
}

RecordedStep::Conditions RecordedStep::conditions_of(const Tensor& x, const Tensor& y) const {
  Conditions now{x.sizes(), y.sizes(),         x.dtype(),
                 y.dtype(), model_.training(), default_generator().initial_seed(),
                 {}};
  const auto add = [&](const Tensor& tensor) {
    if (!tensor.defined()) return;
    now.places.push_back(
        {tensor.raw(), static_cast<uint32_t>(tensor.dtype()), tensor.requires_grad()});
  };
  for (const Tensor& tensor : model_.parameters()) add(tensor);
  for (const Tensor& tensor : model_.buffers()) add(tensor);
  return now;
}

/// Counts the steps that were alike.
bool RecordedStep::may_record(const Conditions& now) {
  alike_ = now == seen_ ? alike_ + 1 : 0;
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
                                    [&] { made->figures = forward_(made->x, made->y); });
    made->backward = backend.capture(device_, generator, made->forward.get(),
                                     [&] { backward_(made->figures.loss); });
  } catch (const Error& error) {
    refusal_ = error.text();
    clear_gradients();
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

StepFigures RecordedStep::forward(const Tensor& x, const Tensor& y) {
  replaying_ = false;
  if (refusal_.empty()) {
    const Conditions now = conditions_of(x, y);
    const bool again = recorded_ != nullptr && now == recorded_under_;
    if (again) alike_ = 0;  // a smaller batch now and then is not worth another recording
    replaying_ = again || (may_record(now) && record(x, y));
  }
  if (!replaying_) {
    const StepFigures figures = forward_(x, y);
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
    backward_(std::exchange(loss_, Tensor()));
    return;
  }
  recorded_->backward->replay(default_generator());
  for (const auto& [param, gradient] : recorded_->gradients) param.set_grad(gradient);
}

}  // namespace nw::train
