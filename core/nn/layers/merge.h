#pragma once

#include "core/nn/block.h"
#include "core/nn/fusable.h"
#include "core/ops/elements.h"

namespace nw::nn {

/// input + other, with torch's broadcasting: what a residual connection ends in.
class Add : public Module, public Elementwise {
 public:
  std::string kind() const override { return "Add"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kAdd; }
  Tensors forward(const Tensors& inputs) override;
};

/// input · other, elementwise, with torch's broadcasting: what a gate is.
class Multiply : public Module, public Elementwise {
 public:
  std::string kind() const override { return "Multiply"; }
  std::optional<ElementOp> element(DType) const override { return ops::elements::kMul; }
  Tensors forward(const Tensors& inputs) override;
};

/// Both inputs one behind the other along `dim`. Source: torch.cat.
class Concat : public Module {
 public:
  explicit Concat(int64_t dim) : dim_(dim) {}
  std::string kind() const override { return "Concat"; }
  Tensors forward(const Tensors& inputs) override;

 private:
  int64_t dim_;
};

Block addition_block();
Block multiply_block();
Block concat_block();

}  // namespace nw::nn
