#include "core/train/averaging.h"

namespace nw::train {

Averaging::Averaging(std::unique_ptr<graph::Model> twin, const graph::Model& model, double decay)
    : twin_(std::move(twin)),
      average_(*twin_, {.average = optim::exponential_average(decay), .use_buffers = true}) {
  twin_->load_state_dict(model.state_dict());
  twin_->eval();
}

void Averaging::load_state(const State& state) {
  twin_->load_state_dict(state.model);
  average_.set_n_averaged(state.updates);
}

}  // namespace nw::train
