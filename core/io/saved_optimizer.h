#pragma once

#include "core/io/saved_value.h"
#include "core/optim/optimizer_state.h"

namespace nw::io {

/// The state of an optimiser as torch's Optimizer.state_dict() has it.
SavedValue to_saved(const optim::OptimizerState& state);
/// The inverse; throws Error naming `what` for anything else.
optim::OptimizerState to_optimizer_state(const SavedValue& value, std::string_view what);

/// The state of a scheduler, a dict of numbers and lists of them, and back.
SavedValue to_saved(const optim::StateEntries& entries);
optim::StateEntries to_state_entries(const SavedValue& value, std::string_view what);

}  // namespace nw::io
