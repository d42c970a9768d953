#pragma once

#include <functional>
#include <memory>

#include "core/dist/process_group.h"
#include "core/graph/project.h"
#include "core/nn/module.h"
#include "core/train/checkpoint.h"
#include "core/train/events.h"

namespace nw::train {

/// Trains one project on the calling thread. run() is called once, returns when the run ended and
/// never throws: a failure is the Finished event. The other members may be called from any thread
/// and take effect between two batches, of training as of evaluation. Owns model, data and
/// optimiser; the model stays as it is at the end of the run.
///
/// The same project gives the same numbers, bit for bit, on any thread with an equal num_threads().
/// Random numbers are drawn as this PyTorch script draws them:
///
///     train, validation = random_split(data, [n - v, v], torch.Generator().manual_seed(seed))
///     torch.manual_seed(seed)                        # v = floor(n * share); no split when it is 0
///     model = nn.Sequential(...)                     # initial weights, layer by layer
///     for epoch in range(epochs):
///         for x, t in DataLoader(train, batch_size, shuffle=True):   # two draws for each epoch
///             optimizer.zero_grad(); loss(model(x), t).backward(); optimizer.step()   # dropout
///
/// Evaluation draws nothing from this stream. What else an update does (clipping, schedulers,
/// averages) is in core/train/updates.h.
class Trainer {
 public:
  using Sink = std::function<void(const Event&)>;

  /// `sink` is called on the thread of run(). `resume`: goes on from there, with the numbers that
  /// the run would have had.
  ///
  /// `group`: the ranks that train this project together, each with a Trainer of its own; batches
  /// are shared out among them (see train::Ranks), and every one tells the same events. Pause, stop
  /// and step on one act on all, after one more batch at most. `resume` is rank 0's. Checkpoints
  /// are alike on all ranks but for statistics of norms: rank 0's are those that count; with any
  /// number of ranks a run goes on from them. Null, or a group of one: none.
  Trainer(graph::Project project, Sink sink, std::optional<Checkpoint> resume = {},
          std::shared_ptr<dist::ProcessGroup> group = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  void run();

  void pause();
  void resume();
  void stop();
  /// Trains exactly one batch and pauses.
  void step();

  enum class Weights : uint8_t {
    Evaluated,  // those that are validated and tested: their average where the run keeps one
    Trained,    // those that the optimiser changes
  };
  /// A copy of the weights as they are between two batches; waits for the current batch at most.
  /// No entries before the model exists. May be called by the sink too.
  nn::StateDict state_dict(Weights which = Weights::Evaluated) const;
  /// The same for the whole run; nothing before the first batch is prepared.
  std::optional<Checkpoint> checkpoint() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nw::train
