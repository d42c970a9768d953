#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// Exchanges two dimensions, without a copy. Source: torch.transpose.
class Transpose : public UnaryModule {
 public:
  struct Options {
    int64_t dim0 = 1;
    int64_t dim1 = 2;
  };
  explicit Transpose(const Options& options) : options_(options) {}

  std::string kind() const override { return "Transpose"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

Block transpose_block();

}  // namespace nw::nn
