#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// One element of a dimension, which goes: y = x[…, index, …]. Source: torch.select.
class Select : public UnaryModule {
 public:
  struct Options {
    int64_t dim = 1;
    int64_t index = -1;  // negative: counts from the end
  };
  explicit Select(const Options& options) : options_(options) {}

  std::string kind() const override { return "Select"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

Block select_block();

}  // namespace nw::nn
