#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// x + p, where p[t] holds sin(t·ω) and cos(t·ω) in turn for ω = 10000^(−2i/d), then Dropout:
/// x (T, N, d), with batch_first (N, T, d) -> the same sizes. No state. Source: Vaswani et al.
/// 2017, 3.5; the layer of PyTorch's transformer tutorial.
class PositionalEncoding : public UnaryModule {
 public:
  struct Options {
    double dropout = 0.1;
    bool batch_first = false;
  };
  explicit PositionalEncoding(const Options& options);

  std::string kind() const override { return "PositionalEncoding"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  const Tensor& table(int64_t length, const Tensor& like);

  Options options_;
  Tensor table_;  // of the last input's sizes (length, features), dtype and device
};

Block positional_encoding_block();

}  // namespace nw::nn
