#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/data/loader.h"
#include "core/dist/distributed.h"
#include "core/graph/model.h"
#include "core/graph/project.h"
#include "core/train/checkpoint.h"
#include "core/train/evaluate.h"
#include "core/train/run_control.h"

namespace nw::train {

/// What one forward and backward gave, over all ranks.
struct Look {
  Tensor loss;  // of the whole batch, as the graph's loss gives it
  double loss_per_sample = 0;
  int64_t correct = 0;
};

/// What the samples that are here gave.
struct ShareFigures {
  double loss = 0;  // as the graph's loss gives it
  int64_t correct = 0;
  bool ready = false;     // RecordedStep::ready()
  bool replayed = false;  // the step was
};

/// What the ranks of a run do together, so that it is the run that one rank would have had with the
/// same batches: each trains and evaluates on its share of every batch, gradients and figures are
/// those of the joined batch up to rounding, and all decide alike. Every member but share(),
/// stopped() and last_times() is collective. Belongs to one thread.
///
/// What is not as on one rank: a norm sees its rank's share only, and masks of dropout are drawn
/// from a stream of each rank and step.
class Ranks {
 public:
  using See = std::function<ShareFigures(const data::Batch& share)>;

  /// Of two ranks or more, which train `project`. `control`, which must outlive this: what is asked
  /// of this rank.
  Ranks(std::shared_ptr<dist::ProcessGroup> group, const graph::Project& project,
        RunControl& control);

  data::Share share() const;
  /// Throws Error, on all ranks, unless all give the same numbers.
  void check_alike(const std::vector<int64_t>& numbers);
  /// Rank 0's checkpoint, on every rank; the others' own are not looked at.
  std::optional<Checkpoint> of_first_rank(const std::optional<Checkpoint>& own);

  /// As RunControl::admit(): who pauses or stops on one rank does so on all.
  bool admit(RunControl::Batch batch, const std::function<void()>& on_pause,
             const std::function<void()>& on_resume);
  /// Whether the ranks have agreed to stop.
  bool stopped() const { return stopped_; }

  /// The model to train, which must outlive this; takes rank 0's numbers. `gradient_order`: of the
  /// run that goes on, may be empty.
  void take_model(graph::Model& model, const graph::Project& project,
                  const data::Signature& signature, std::vector<int64_t> gradient_order);
  /// One forward and backward of a batch, whose gradients are there afterwards. `see` does them for
  /// the share that is here, by predict() and slope().
  Look look(const data::Batch& batch, int64_t step, const See& see);
  Tensor predict(const Tensor& x) { return ddp_->call({x})[0]; }
  /// What backward() of `root` begins with: by how much this rank's loss counts.
  Tensor slope(const Tensor& root) const;

  /// For steps that are recorded (StepWork): why they cannot be, or empty; whether all ranks were
  /// ready after the last look; whether all could record; and what to do where one could not.
  std::string no_recording() const;
  bool all_ready() const { return all_ready_; }
  bool all_could(bool could);
  void forget_step() { ddp_->reducer().forget_step(); }
  /// Where each rank's time went in the last look.
  const std::vector<dist::StepTimes>& last_times() const { return times_; }
  std::vector<int64_t> gradient_order() const { return ddp_->reducer().gradient_order(); }

  /// As train::evaluate(), each batch shared out; the model gets rank 0's buffers.
  Evaluation evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                      const std::function<bool()>& keep_going);
  /// Ends the others' waiting for this rank, which has failed.
  void abort(const std::string& reason) { group_->abort(reason); }

 private:
  /// What all ranks together wish, before a batch of each kind.
  using Wishes = std::array<RunControl::Wish, 2>;

  RunControl::Wish agreed(RunControl::Wish own);
  RunControl::Wish next_wish(RunControl::Batch batch);
  std::vector<double> sums(std::vector<double> own);
  dist::StepTimes own_times(bool replayed);
  void exchange(ShareFigures& figures, const dist::StepTimes& own);

  std::shared_ptr<dist::ProcessGroup> group_;
  uint64_t seed_;
  RunControl& control_;
  bool stopped_ = false;
  std::optional<Wishes> wishes_;  // that came with the figures of the last batch
  graph::Model* model_ = nullptr;
  Device device_;
  std::unique_ptr<dist::DistributedDataParallel> ddp_;
  bool finds_unused_ = false;
  double factor_ = 1;  // see slope()
  bool all_ready_ = false;
  uint64_t step_bytes_ = 0;  // that a step sent which was not replayed
  double look_seconds_ = 0;  // that the last look took
  std::vector<dist::StepTimes> times_;
};

}  // namespace nw::train
