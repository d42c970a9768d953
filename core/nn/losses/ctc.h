#pragma once

#include "core/nn/losses/reduction.h"

namespace nw::nn {

/// −log P of label sequences whose places are not known: {log_probs, targets, input_lengths,
/// target_lengths}, (T, N, C), (N, S) or all in one row, (N), (N); or (T, C), (S) and two lengths.
/// Source: torch.nn.CTCLoss; Graves et al. 2006.
class CTCLoss : public Loss {
 public:
  struct Options {
    int64_t blank = 0;
    std::string reduction = "mean";
    bool zero_infinity = false;
  };
  explicit CTCLoss(const Options& options)
      : Loss("CTCLoss", options.reduction),
        options_{.blank = options.blank, .zero_infinity = options.zero_infinity} {}

  Tensors forward(const Tensors& inputs) override;

 private:
  ops::CtcOptions options_;
};

Block ctc_loss_block();

}  // namespace nw::nn
