#pragma once

#include <optional>
#include <string>

#include "core/dist/environment.h"
#include "core/dist/launcher.h"
#include "core/tensor/device.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nw::cli {

/// Options of a verb that several processes can do together. Must outlive the parsing.
class RankOptions {
 public:
  void add_options(CLI::App& verb);

  /// This process's place among those that a starter (ours, torchrun, mpirun, srun) began; nothing
  /// when it works alone or is to start the others. Throws Error for contradictions.
  std::optional<dist::Placement> placement() const;
  /// Whether this process is to start others: as many as were asked for, or one for each of the
  /// devices that the run's setting names.
  bool launches(const std::string& devices) const;
  /// What the launcher needs to start this same command in every process. Throws Error with a
  /// remedy for options that do not go together.
  dist::LaunchOptions launch_options(const std::string& devices) const;

  /// "gloo" or "nccl": what was asked for, or what fits the device.
  std::string backend(Device device) const;
  /// How long a rank may give no sign of life.
  std::chrono::milliseconds silence() const;
  int max_restarts() const { return max_restarts_; }
  /// Gives this rank its share of the node's processors, unless told otherwise.
  void share_threads(const dist::Placement& place) const;

 private:
  /// When a starter began one process a node, which is to be the node's launcher.
  bool is_node_of(const dist::Placement& place) const;

  int processes_ = 0;  // 0: not given
  int nodes_ = 1;
  int node_rank_ = -1;  // -1: not given
  std::string master_address_;
  int master_port_ = 0;
  std::string backend_;
  int max_restarts_ = 0;
  double timeout_s_ = 30;
  const CLI::Option* threads_ = nullptr;
};

/// The device of the rank that is `local_rank` on its node, of those that the run's setting names;
/// where that is one: a GPU of its own, or the CPU. Throws Error when there are too few.
Device device_of_rank(const std::string& devices, int local_rank);

}  // namespace nw::cli
