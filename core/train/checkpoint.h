#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/nn/state_dict.h"
#include "core/optim/schedule.h"
#include "core/train/averaging.h"
#include "core/train/curves.h"

namespace nw::train {

/// A run between two batches: all that it takes to go on bit for bit as if it had never stopped.
/// Value type; its tensors are its own.
struct Checkpoint {
  nn::StateDict model;
  optim::OptimizerState optimizer;
  optim::Schedule::State schedulers;
  optim::StateEntries scaler = {};          // of the loss (optim::GradScaler); empty: there is none
  std::optional<Averaging::State> average;  // of the weights
  int64_t step = 0;
  int64_t epoch = 1;  // the epoch that it is in
  int64_t batch = 0;  // batches of the epoch that are done
  // Sums over those batches.
  double loss = 0;
  int64_t correct = 0;
  int64_t samples = 0;
  Generator generator;        // as it is now
  Generator epoch_generator;  // as it was when the epoch's order was drawn
  /// Of a run of several ranks: in which order its gradients come (dist::ReducerOptions).
  std::vector<int64_t> gradient_order = {};
  Curves curves = {};  // of the run so far
  // What must be as it was.
  int64_t batch_size = 0;
  int64_t train_samples = 0;
};

/// The same numbers in tensors of its own.
nn::StateDict copy_of(nn::StateDict state);
optim::OptimizerState copy_of(const optim::OptimizerState& state);

/// Writes it so that torch.load reads it, too: a dict with "model", "optimizer" and each of
/// "schedulers" as PyTorch has them, "scaler" as torch's GradScaler has it, "average" (of the
/// weights, with "n_averaged"), "rng" as torch.set_rng_state takes it, and plain numbers. Atomic;
/// throws Error naming the file.
void save_checkpoint(const Checkpoint& checkpoint, const std::string& path);
/// Throws Error naming the file for anything else.
Checkpoint load_checkpoint(const std::string& path);

}  // namespace nw::train
