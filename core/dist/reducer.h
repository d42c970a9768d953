#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/autograd/hooks.h"
#include "core/dist/buckets.h"
#include "core/dist/step_times.h"

namespace nw::dist {

struct ReducerOptions {
  /// In which order gradients are known to come; empty: the order of the first step will tell.
  std::vector<int64_t> gradient_order = {};
  int64_t first_bucket_bytes = int64_t{1} << 20;
  int64_t bucket_bytes = int64_t{25} << 20;
  bool find_unused_parameters = false;
  bool gradient_as_bucket_view = false;
  bool static_graph = false;
};

/// The gradients that travel together, for a CommHook.
struct GradBucket {
  size_t index = 0;
  bool is_last = false;
  Tensor buffer;                       // one row of numbers; what it holds in the end counts
  std::vector<Tensor> gradients = {};  // views of it
  std::vector<Tensor> parameters = {};
};
/// Takes the place of the averaging of a bucket, whose gradients are this rank's own, undivided.
/// Changes `buffer`, at the latest when the returned work has been waited for.
using CommHook = std::function<WorkHandle(const GradBucket& bucket)>;

/// Averages the gradients of parameters over the ranks of a group while backward goes on: hooks on
/// the parameters gather the gradients in buckets, and a bucket that is full goes off at once.
/// DistributedDataParallel tells it when forward and backward begin. Not thread-safe; backward must
/// run on one thread. Source: Li et al. 2020, https://arxiv.org/abs/2006.15704.
class Reducer {
 public:
  using Named = std::vector<std::pair<std::string, Tensor>>;

  /// `params` require gradients, and are the same on all ranks.
  Reducer(const Named& params, std::shared_ptr<ProcessGroup> group, const ReducerOptions& options);
  ~Reducer();
  Reducer(const Reducer&) = delete;
  Reducer& operator=(const Reducer&) = delete;

  /// A step begins whose gradients will be averaged.
  void begin_step();
  /// Before each forward: orders the buckets as the gradients came on rank 0, once, as soon as that
  /// is known: the ranks meet. True when it did. Throws Error naming the parameters that got no
  /// gradient in the step before.
  bool rebuild_buckets();
  /// Backward may begin from `outputs`, or from anything when there are none.
  void prepare_for_backward(const Tensors& outputs);
  /// Drops a step that was begun and will not come to its end.
  void forget_step();
  /// The exchange that a backward has, for a rank that has nothing to go back through: it gives
  /// what its parameters hold as gradients, 0 where there is none, and they get the averages.
  void reduce_without_backward();
  /// The same, giving 0 and leaving the parameters as they are: for a rank that is out of inputs.
  void shadow();

  /// By how much the sums are divided from now on; the group's size unless set.
  void set_divisor(int64_t divisor) { divisor_ = divisor; }
  /// Before the first step. Throws Error for a second one.
  void register_comm_hook(CommHook hook);

  /// Of the last step whose gradients were averaged.
  const StepTimes& last_step() const { return last_step_; }
  /// Parameters by number in the order in which buckets go off.
  const BucketPlan& plan() const { return plan_; }
  /// How gradients came on this rank in the step that decides the order; empty before.
  std::vector<int64_t> gradient_order() const { return {arrival_.begin(), arrival_.end()}; }
  bool has_rebuilt() const { return has_rebuilt_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Bucket {
    Tensor flat;
    std::vector<Tensor> views;  // one for each member of its plan
    size_t pending = 0;         // members that are not ready
    WorkHandle work = {};
  };

  void make_buckets(BucketPlan plan);
  GradBucket described(size_t bucket, const Tensor& buffer) const;
  void check_finished() const;
  void reset_step();
  bool finds_unused() const { return options_.find_unused_parameters && !options_.static_graph; }
  bool learns_graph() const { return options_.static_graph && !graph_known_; }
  bool should_rebuild() const { return !finds_unused() && !has_rebuilt_; }
  void on_gradient(size_t param);
  void mark_ready(size_t param);
  void fill_view(size_t param);
  void launch_full_buckets();
  WorkHandle launch(size_t bucket, const Tensor& flat);
  void launch_rest();
  void exchange_used();
  void exchange_used(const Tensor& counts);
  void reduce_learned_graph();
  void learn_graph_of_others();
  void finish();
  void take_gradient(size_t param);
  bool unused_everywhere(size_t param);
  void wait(const WorkHandle& work);
  void watch_reductions();
  std::string names_of(const std::vector<size_t>& params) const;

  std::vector<Tensor> params_;
  std::vector<std::string> names_;
  std::vector<autograd::TensorHookHandle> hooks_;
  std::shared_ptr<ProcessGroup> group_;
  ReducerOptions options_;
  CommHook comm_hook_;
  int64_t divisor_;

  BucketPlan plan_;
  std::vector<Bucket> buckets_;
  std::vector<std::pair<size_t, size_t>> places_;  // of each parameter: bucket, member
  std::vector<size_t> arrival_;                    // parameters as they became ready
  bool has_rebuilt_ = false;

  // The step.
  bool expects_hooks_ = false;
  bool unfinished_ = false;  // something is ready, not all reduced
  bool unused_marked_ = false;
  size_t next_bucket_ = 0;
  std::vector<char> ready_;
  std::vector<size_t> unused_;
  // Whether a parameter was used since the last reduction, here; and by how many ranks before it.
  std::vector<char> used_;
  Tensor used_map_;
  WorkHandle used_work_;
  // A static graph: how often a parameter's hook runs in a step, as the first one told.
  bool graph_known_ = false;
  std::vector<int> hook_runs_;
  std::vector<int> hook_runs_left_;

  StepTimes step_;
  StepTimes last_step_;
  Clock::time_point step_began_;
  Clock::time_point reducing_since_;
  uint64_t sent_before_ = 0;
  std::vector<WorkHandle> under_way_;
};

}  // namespace nw::dist
