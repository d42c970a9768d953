#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// While training, zeroes each number with probability p and divides the others by 1 − p; else does
/// nothing. Draws from default_generator(). Source: torch.nn.Dropout; Srivastava et al. 2014.
class Dropout : public UnaryModule {
 public:
  struct Options {
    double p = 0.5;
  };
  explicit Dropout(const Options& options);

  std::string kind() const override { return "Dropout"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  double p_;
};

Block dropout_block();

}  // namespace nw::nn
