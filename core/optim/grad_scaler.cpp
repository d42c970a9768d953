#include "core/optim/grad_scaler.h"

#include <algorithm>
#include <cmath>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/optimizer_kernels.h"
#include "core/ops/arithmetic.h"

namespace nw::optim {
namespace {

/// What is kept once for each device: found by device, made on first use.
const Tensor& scalar_on(Device device, double value, std::vector<Tensor>& all) {
  const auto there = std::find_if(all.begin(), all.end(),
                                  [&](const Tensor& one) { return one.device() == device; });
  if (there != all.end()) return *there;
  return all.emplace_back(full({}, value, DType::Float32, device));
}

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

GradScaler::GradScaler(const Options& options)
    : options_(options), scale_(static_cast<float>(options.init_scale)) {
  NW_CHECK(!options.enabled || options.growth_factor > 1,
           "[GradScaler] growth_factor must be above 1, is ", options.growth_factor);
  NW_CHECK(!options.enabled || options.backoff_factor < 1,
           "[GradScaler] backoff_factor must be below 1, is ", options.backoff_factor);
}

Tensor GradScaler::scale(const Tensor& outputs) {
  if (!options_.enabled) return outputs;
  scaled_ = true;
  return ops::mul(outputs, scalar_on(outputs.device(), scale_, on_device_));
}

void GradScaler::unscale_(Optimizer& optimizer) {
  if (!options_.enabled) return;
  NW_CHECK(scaled_, "[GradScaler] unscale_() comes after scale()");
  const auto known = iterations_.find(&optimizer);
  NW_CHECK(known == iterations_.end(), "[GradScaler] unscale_() ",
           known != iterations_.end() && known->second.stage == Stage::Stepped
               ? "comes before step()"
               : "was called on this optimizer since the last update()");
  const autograd::NoGrad no_grad;
  Iteration iteration{Stage::Unscaled, {}};
  std::vector<Tensor> inverses;
  const double inverse = static_cast<float>(1 / scale_);
  for (const auto& [place, grads] : gradients_of(optimizer)) {
    const Device device = grads.front().device();
    kernels_of(grads.front())
        .optimizer->unscale(grads, scalar_on(device, inverse, inverses),
                            scalar_on(device, 0, iteration.found));
    for (const Tensor& grad : grads) grad.storage()->bump_version();
  }
  iterations_.emplace(&optimizer, std::move(iteration));
}

bool GradScaler::is_finite(Iteration& iteration) const {
  if (!iteration.finite) {
    iteration.finite = std::all_of(iteration.found.begin(), iteration.found.end(),
                                   [](const Tensor& found) { return found.item() == 0; });
  }
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
  NW_CHECK(!iteration.found.empty(), "[GradScaler] expects gradients, finds none");
  const bool finite = is_finite(iteration);
  if (finite) optimizer.step();
  iteration.stage = Stage::Stepped;
  return finite;
}

void GradScaler::set_scale(double scale) {
  scale_ = static_cast<float>(scale);
  for (const Tensor& one : on_device_) raw::fill_(one, scale_);
}

void GradScaler::update(std::optional<double> new_scale) {
  if (!options_.enabled) return;
  NW_CHECK(scaled_, "[GradScaler] update() comes after scale()");
  if (new_scale) {
    set_scale(*new_scale);
  } else {
    NW_CHECK(!iterations_.empty(), "[GradScaler] update() comes after step()");
    bool finite = true;
    for (auto& [optimizer, iteration] : iterations_) finite = is_finite(iteration) && finite;
    if (!finite) {
      set_scale(scale_ * options_.backoff_factor);
      growth_tracker_ = 0;
    } else if (++growth_tracker_ == options_.growth_interval) {
      const double grown = static_cast<float>(scale_ * options_.growth_factor);
      if (std::isfinite(grown)) set_scale(grown);
      growth_tracker_ = 0;
    }
  }
  iterations_.clear();
}

StateEntries GradScaler::state_dict() const {
  StateEntries state;
  if (!options_.enabled) return state;
  state.set("scale", {scale_});
  state.set("growth_factor", {options_.growth_factor});
  state.set("backoff_factor", {options_.backoff_factor});
  state.set("growth_interval", {options_.growth_interval});
  state.set("_growth_tracker", {growth_tracker_});
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
  growth_tracker_ = static_cast<int64_t>(state.at("_growth_tracker").number());
  set_scale(scale);
}

}  // namespace nw::optim
