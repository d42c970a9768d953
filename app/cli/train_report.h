#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "app/cli/output_folder.h"
#include "app/cli/progress.h"
#include "app/cli/project.h"
#include "core/train/curves.h"
#include "core/train/events.h"

namespace nw::cli {

/// Shows the events of a run as they come and keeps what is needed at its end.
class Report {
 public:
  enum class Shows : uint8_t {
    Lines,     // what people want to know, and the progress where there is a terminal
    Progress,  // that alone
    Nothing,
  };
  explicit Report(Shows shows) : shows_(shows) {}

  void operator()(const train::Started& event);
  void operator()(const train::StepDone& event);
  void operator()(const train::EpochDone& event);
  void operator()(const train::Finished& event);
  void operator()(const train::Paused&) {}
  void operator()(const train::Resumed&) {}

  const train::Started& started() const { return started_; }
  const train::Finished& finished() const { return finished_; }
  const std::optional<train::EpochDone>& last_epoch() const { return epoch_; }
  double samples_per_second() const { return samples_per_second_; }
  double learning_rate() const { return learning_rate_; }
  const train::Curves& curves() const { return curves_; }
  /// Before the first event: what the run that goes on has had.
  void go_on(const train::Curves& curves) { curves_ = curves; }

 private:
  std::string epoch_line(const train::EpochDone& event) const;

  Shows shows_;
  ProgressBar bar_;
  train::Curves curves_;
  train::Started started_;
  train::Finished finished_;
  std::optional<train::EpochDone> epoch_;
  double samples_per_second_ = 0;
  double learning_rate_ = 0;
};

/// The result of a run that ended so, for --json.
nlohmann::ordered_json result_json(const Report& report, const train::Finished& end,
                                   const LoadedProject& loaded, const OutputFolder& folder,
                                   int64_t parameters);
/// The same for people.
void print_result(const Report& report, const OutputFolder& folder);

}  // namespace nw::cli
