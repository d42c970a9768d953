#pragma once

#include <string>
#include <vector>

#include "core/graph/project.h"

namespace nw::codegen {

/// What a run's updates do besides the optimiser's step, as Python for a training script. Lines are
/// without indent.
struct UpdateCode {
  using Lines = std::vector<std::string>;

  std::string settings;  // "clip_norm = 1.0\n…"
  std::string setup;     // makes the schedulers and the average of the weights
  Lines clip;            // between backward() and the optimiser's step
  Lines after_batch;
  Lines after_epoch;                // may use validation_loss and validation_accuracy
  bool counts_batches = false;      // uses `batch`, 1 for the first of an epoch
  bool needs_batches = false;       // uses `batches`, how many an epoch has
  bool needs_loss = false;          // uses validation_loss
  bool needs_accuracy = false;      // uses validation_accuracy
  std::string evaluated = "model";  // what is validated
  std::string kept = "model";       // whose weights are saved
};

/// Throws Error for schedulers without a counterpart in PyTorch, or that are no use in the run.
UpdateCode update_code(const graph::RunSettings& run);

}  // namespace nw::codegen
