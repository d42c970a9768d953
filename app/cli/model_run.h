#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/state_dict.h"

namespace nw::cli {

/// What `netwright-cli run` is asked for; see its help.
struct ModelRun {
  std::string model;
  std::vector<std::string> inputs;   // files
  std::vector<std::string> targets;  // files
  std::string weights;
  std::string loss;                     // an expression; empty: the project's own
  std::string optimizer;                // an expression
  std::vector<std::string> schedulers;  // expressions, stepped after each update
  std::optional<double> clip_norm;
  std::optional<double> clip_value;
  std::string grad_output;
  std::string dtype;  // torch's name; empty: float32
  std::string device = "cpu";
  int64_t seed = 0;
  int64_t steps = 0;
  bool training = false;
  bool backward = false;
};

/// Runs the model once, or `steps` updates, and gives what it was asked for by name: the outputs,
/// loss, grad.…, initial.…, state.…, and of updates losses and learning_rates. Throws Error for
/// anything that does not fit.
nn::StateDict run_model(const ModelRun& request);

}  // namespace nw::cli
