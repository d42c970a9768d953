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
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

/// Splits a dimension into several, one of which may be −1: (N, C·H·W) -> (N, C, H, W). Source:
/// torch.nn.Unflatten.
class Unflatten : public UnaryModule {
 public:
  struct Options {
    int64_t dim;
    std::vector<int64_t> unflattened_size;
  };
  explicit Unflatten(Options options) : options_(std::move(options)) {}

  std::string kind() const override { return "Unflatten"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

Block flatten_block();
Block unflatten_block();

}  // namespace nw::nn
