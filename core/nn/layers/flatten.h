#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// Joins the dimensions start_dim … end_dim to one: (N, C, H, W) -> (N, C·H·W) with the defaults.
/// Source: torch.nn.Flatten.
class Flatten : public UnaryModule {
 public:
  struct Options {
    int64_t start_dim = 1;
    int64_t end_dim = -1;
  };
  explicit Flatten(const Options& options) : options_(options) {}

  std::string kind() const override { return "Flatten"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

Block flatten_block();

}  // namespace nw::nn
