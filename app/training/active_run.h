#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/state_dict.h"
#include "core/train/event_lines.h"

namespace nw::app {

/// A run from its start to its end, wherever it trains. Belongs to the window's thread; its members
/// return at once, but for wait() and the destructor, which ends it.
class ActiveRun {
 public:
  enum class Begin { Running, OneStep };  // OneStep: trains one batch, then pauses

  virtual ~ActiveRun() = default;
  /// Happens within one batch.
  virtual void send(train::Command command) = 0;
  /// All that the run has told since the last call, in order; the last event of each is Finished.
  virtual std::vector<train::RunEvent> takeEvents() = 0;
  /// Until the run has ended by itself or as asked.
  virtual void wait() = 0;
  virtual bool hasWeights() const = 0;
  /// Gets the newest weights that there are, on any thread; throws Error. May outlive the run.
  virtual std::function<nn::StateDict()> weights() const = 0;
  /// Whether goOn() has something to go on from, should this run have failed.
  virtual bool canGoOn() const = 0;
  /// The rest of this run, from its last checkpoint on, on other devices where `device` says so.
  virtual std::unique_ptr<ActiveRun> goOn(const std::string& device) const = 0;
};

}  // namespace nw::app
