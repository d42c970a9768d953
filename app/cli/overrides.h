#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/graph/project.h"

namespace CLI {
class App;
}

namespace nw::cli {

/// Options of a verb that stand over the settings in the project file: one for each parameter of
/// graph::run_settings_description() (`batch_size` is --batch-size), --optimizer and --scheduler
/// for the choices, and --lr for the optimiser. Must outlive the parsing.
class Overrides {
 public:
  void add_options(CLI::App& verb);
  /// Throws CLI::ValidationError naming the option when a value does not fit its description.
  void apply(graph::RunSettings& settings) const;

 private:
  void apply_choices(graph::RunSettings& settings) const;
  void apply_learning_rate(graph::RunSettings& settings) const;

  std::map<std::string, std::string> values_;  // by parameter; empty: not given
  std::string optimizer_;                      // an expression
  std::vector<std::string> schedulers_;        // expressions, or "none"
  std::string learning_rate_;
};

}  // namespace nw::cli
