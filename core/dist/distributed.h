#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/dist/reducer.h"
#include "core/nn/module.h"

namespace nw::dist {

struct DistributedOptions {
  std::vector<Device> device_ids = {};  // one GPU for a module that is on it; none: wherever it is
  std::optional<Device> output_device = {};
  bool broadcast_buffers = true;
  std::shared_ptr<ProcessGroup> process_group = {};  // null: default_group()
  double bucket_cap_mb = 25;                         // 0 or less: each parameter alone
  bool find_unused_parameters = false;
  bool gradient_as_bucket_view = false;
  bool static_graph = false;
  /// See ReducerOptions: an earlier run's, so that this one reduces in the same order from the
  /// first step on.
  std::vector<int64_t> gradient_order = {};
};

struct JoinOptions {
  /// Gradients are divided by the group's size also when some ranks have run out of inputs; else by
  /// the number of those that have not.
  bool divide_by_initial_world_size = true;
  bool enable = true;
  /// All ranks throw Error once one has run out.
  bool throw_on_early_termination = false;
};

/// A module of which every rank of a group has one, as torch.nn.parallel.DistributedDataParallel:
/// they begin alike, each sees inputs of its own, and backward averages their gradients while it
/// goes on, so that equal optimisers keep them alike, bit for bit. Where the loss is a mean over
/// inputs and all ranks have equally many, the average is the gradient of the joined batch. Buffers
/// are those of rank 0 at the beginning of each forward.
///
/// state_dict: the module's keys behind "module.". Construction, forward while recording, backward
/// and join are collective: all ranks take part. One backward for each forward. Not thread-safe.
/// Source: Li et al. 2020, https://arxiv.org/abs/2006.15704.
class DistributedDataParallel : public nn::Module {
 public:
  /// Compares the parameters' sizes and dtypes with those of rank 0 and takes its numbers. Throws
  /// Error, on all ranks, where they differ; and for a module without a parameter that requires a
  /// gradient, with parameters that wait for their sizes, on several kinds of devices or on one
  /// that the group does not serve.
  explicit DistributedDataParallel(std::shared_ptr<nn::Module> module,
                                   const DistributedOptions& options = {});

  std::string kind() const override { return "DistributedDataParallel"; }
  Tensors forward(const Tensors& inputs) override;
  nn::Module& module() { return *module_; }
  ProcessGroup& group() { return *group_; }
  Reducer& reducer() { return *reducer_; }
  const Reducer& reducer() const { return *reducer_; }

  /// While it lives, backward adds gradients up on each rank and exchanges nothing (torch's
  /// no_sync). The forward that belongs to a backward must be within, too.
  class NoSync {
   public:
    explicit NoSync(DistributedDataParallel& ddp) : ddp_(ddp), before_(ddp.syncs_backward_) {
      ddp_.syncs_backward_ = false;
    }
    ~NoSync() { ddp_.syncs_backward_ = before_; }
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;

   private:
    DistributedDataParallel& ddp_;
    bool before_;
  };
  [[nodiscard]] NoSync no_sync() { return NoSync(*this); }

  /// Runs `training` on ranks whose numbers of inputs differ (torch's join): a rank that returns
  /// first takes part in the exchanges of the others with gradients of 0. In the end all ranks have
  /// the parameters and buffers of one that returned last. Nothing else may be exchanged within.
  void join(const std::function<void()>& training, const JoinOptions& options = {});

  /// Takes part in a forward and backward of the others without an input of its own: gives
  /// gradients of 0, or what was added up within no_sync, and gets the averages.
  void step_without_input();
  /// Buffers become those of rank 0. Collective.
  void sync_buffers() { send_buffers(0); }
  /// See CommHook.
  void register_comm_hook(CommHook hook) { reducer_->register_comm_hook(std::move(hook)); }

 private:
  void check_devices(const DistributedOptions& options) const;
  void check_alike(const Reducer::Named& params) const;
  void announce_presence();
  void send_buffers(int root);
  bool sends_buffers() const;
  int64_t sum_over_ranks(int64_t value);
  int common_rank(bool candidate);
  bool shadow_step();
  void send_state(int root);
  Tensors on_own_device(const Tensors& inputs) const;
  bool trains() const;

  std::shared_ptr<nn::Module> module_;
  std::shared_ptr<ProcessGroup> group_;
  std::unique_ptr<Reducer> reducer_;
  std::optional<Device> input_device_;
  Device device_;
  bool broadcast_buffers_;
  bool find_unused_parameters_;
  bool static_graph_;
  bool syncs_backward_ = true;
  bool syncs_forward_ = true;
  std::optional<JoinOptions> joining_;
};

}  // namespace nw::dist
