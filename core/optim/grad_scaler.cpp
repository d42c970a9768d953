#include "core/optim/grad_scaler.h"

#include <iterator>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/optimizer_kernels.h"
#include "core/ops/arithmetic.h"

namespace nw::optim {
namespace {

using Lists = std::map<std::pair<int, DType>, std::vector<Tensor>>;

/// The gradients of an optimiser by device and dtype.
Lists gradients_of(const Optimizer& optimizer) {
  Lists lists;
  for (size_t g = 0; g < optimizer.group_count(); ++g) {
    for (const Tensor& param : optimizer.params(g)) {
      const Tensor& grad = param.grad();
      if (!grad.defined()) continue;
      NW_CHECK(grad.dtype() != DType::Float16,
               "[GradScaler] cannot unscale gradients of float16; keep the parameters in float32");
      const int place = static_cast<int>(grad.device().type) * 1000 + grad.device().index;
      lists[{place, grad.dtype()}].push_back(grad);
    }
  }
  return lists;
}

}  // namespace

GradScaler::GradScaler(const Options& options) : options_(options) {
  NW_CHECK(!options.enabled || options.growth_factor > 1,
           "[GradScaler] growth_factor must be above 1, is ", options.growth_factor);
  NW_CHECK(!options.enabled || options.backoff_factor < 1,
           "[GradScaler] backoff_factor must be below 1, is ", options.backoff_factor);
}

void GradScaler::make_scale(Device device) {
  now_ = {empty({}, DType::Float32, device), empty({}, DType::Float32, device),
          full({}, first_good_steps_, DType::Int64, device)};
  set_scale(options_.init_scale);
}

void GradScaler::set_scale(double scale) {
  const auto rounded = static_cast<float>(scale);
  raw::fill_(now_.scale, rounded);
  raw::fill_(now_.inverse, static_cast<float>(1 / static_cast<double>(rounded)));
}

double GradScaler::get_scale() const {
  if (!options_.enabled) return 1;
  return now_.scale.defined() ? now_.scale.item() : static_cast<float>(options_.init_scale);
}

Tensor GradScaler::scale(const Tensor& outputs) {
  if (!options_.enabled) return outputs;
  if (!now_.scale.defined()) make_scale(outputs.device());
  return ops::mul(outputs, raw::to(now_.scale, outputs.device()));
}

Tensor GradScaler::unscale_to_flag(const Optimizer& optimizer) const {
  NW_CHECK(now_.scale.defined(), "[GradScaler] unscale_() comes after scale()");
  const autograd::NoGrad no_grad;
  const Device home = now_.scale.device();
  const Tensor found = zeros({}, DType::Float32, home);
  for (const auto& [place, grads] : gradients_of(optimizer)) {
    const Device device = grads.front().device();
    const Tensor own = device == home ? found : zeros({}, DType::Float32, device);
    kernels_of(own).optimizer->scale_by(grads, raw::to(now_.inverse, device), own);
    if (device != home) kernels_of(found).axpy(raw::to(own, home), 1.0, found);
    for (const Tensor& grad : grads) grad.storage()->bump_version();
  }
  return found;
}

void GradScaler::update_by(const Tensor& found) const {
  kernels_of(found).optimizer->update_scale(found, options_.growth_factor, options_.backoff_factor,
                                            options_.growth_interval, now_.scale, now_.inverse,
                                            now_.good_steps);
}

void GradScaler::unscale_(Optimizer& optimizer) {
  if (!options_.enabled) return;
  const auto known = iterations_.find(&optimizer);
  NW_CHECK(known == iterations_.end(), "[GradScaler] unscale_() ",
           known != iterations_.end() && known->second.stage == Stage::Stepped
               ? "comes before step()"
               : "was called on this optimizer since the last update()");
  iterations_.emplace(&optimizer, Iteration{Stage::Unscaled, unscale_to_flag(optimizer)});
}

bool GradScaler::is_finite(Iteration& iteration) {
  if (!iteration.finite) iteration.finite = iteration.found.item() == 0;
  return *iteration.finite;
}

bool GradScaler::step(Optimizer& optimizer) {
  if (!options_.enabled) {
    optimizer.step();
    return true;
  }
  NW_CHECK(!optimizer.spec().needs_closure, "[GradScaler] ", optimizer.spec().id,
           " looks at several points in a step, which a scaler cannot go along with");
  if (iterations_.count(&optimizer) == 0) unscale_(optimizer);
  Iteration& iteration = iterations_.at(&optimizer);
  NW_CHECK(iteration.stage != Stage::Stepped,
           "[GradScaler] step() was called since the last update()");
  NW_CHECK(!gradients_of(optimizer).empty(), "[GradScaler] expects gradients, finds none");
  const bool finite = is_finite(iteration);
  if (finite) optimizer.step();
  iteration.stage = Stage::Stepped;
  return finite;
}

void GradScaler::update(std::optional<double> new_scale) {
  if (!options_.enabled) return;
  NW_CHECK(now_.scale.defined(), "[GradScaler] update() comes after scale()");
  if (new_scale) {
    set_scale(*new_scale);
  } else {
    NW_CHECK(!iterations_.empty(), "[GradScaler] update() comes after step()");
    const Tensor found = iterations_.begin()->second.found;
    for (auto it = std::next(iterations_.begin()); it != iterations_.end(); ++it) {
      kernels_of(found).axpy(it->second.found, 1.0, found);
    }
    update_by(found);
  }
  iterations_.clear();
}

StateEntries GradScaler::state_dict() const {
  StateEntries state;
  if (!options_.enabled) return state;
  const Tensor& good_steps = now_.good_steps;
  state.set("scale", {get_scale()});
  state.set("growth_factor", {options_.growth_factor});
  state.set("backoff_factor", {options_.backoff_factor});
  state.set("growth_interval", {options_.growth_interval});
  state.set("_growth_tracker",
            {good_steps.defined() ? static_cast<int64_t>(good_steps.item()) : first_good_steps_});
  return state;
}

void GradScaler::load_state_dict(const StateEntries& state) {
  if (!options_.enabled) return;
  NW_CHECK(!state.empty(),
           "[GradScaler] the state is empty, possibly that of a scaler that was not enabled");
  const double scale = state.at("scale").number();
  options_.growth_factor = state.at("growth_factor").number();
  options_.backoff_factor = state.at("backoff_factor").number();
  options_.growth_interval = static_cast<int64_t>(state.at("growth_interval").number());
  options_.init_scale = scale;
  first_good_steps_ = static_cast<int64_t>(state.at("_growth_tracker").number());
  if (!now_.scale.defined()) return;
  set_scale(scale);
  raw::fill_(now_.good_steps, first_good_steps_);
}

}  // namespace nw::optim
