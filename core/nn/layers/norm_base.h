#pragma once

#include "core/nn/block.h"
#include "core/ops/norm.h"

namespace nw::nn {

/// What batch and instance normalisation share. state_dict: weight (C) of ones and bias (C) of
/// zeros if affine; running_mean (C), running_var (C) and num_batches_tracked (int64 scalar) if
/// track_running_stats.
class RunningNorm : public UnaryModule {
 public:
  struct Options {
    int64_t num_features;
    double eps = 1e-5;
    std::optional<double> momentum = 0.1;
    bool affine = true;
    bool track_running_stats = true;
  };

  std::string extra_repr() const override;

 protected:
  struct FromInput {};

  /// `op` starts error messages.
  RunningNorm(const Options& options, std::string_view op);
  /// A lazy one: the first input's second dimension tells num_features.
  RunningNorm(FromInput, const Options& options);

  void initialize_parameters(const Tensors& inputs) override;

  int state_version() const override { return 2; }
  Tensor state_default(std::string_view key, int version) const override;
  const Options& options() const { return options_; }
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }
  /// Undefined tensors unless track_running_stats.
  const ops::RunningStatistics& running() const { return running_; }
  /// The op's options for the mode that the module is in.
  ops::BatchNormOptions op_options() const;

 private:
  Options options_;
  Tensor weight_;
  Tensor bias_;
  ops::RunningStatistics running_;
};

// --- parts of the descriptions of all normalising blocks ---
Param eps_param();
Param affine_param(std::string name, bool fallback);
/// num_features, eps, momentum, affine and track_running_stats.
std::vector<Param> running_norm_params(bool affine, bool track_running_stats);
RunningNorm::Options running_norm_options(const Args& args);
/// The block of the lazy layer made of that of the plain one: without num_features.
Block lazy_norm_block(Block plain);
/// "64 channels", if they are known.
std::string channels_caption(const Args& args);
/// "N C *" and so on, with as many dimensions as the block's number says.
std::string spatial_layout(int spatial, const std::string& channels);

}  // namespace nw::nn
