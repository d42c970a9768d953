#pragma once

#include <array>
#include <map>
#include <optional>

#include "core/backend/chain_plan.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// Elementwise ops that run as one: the numbers and the gradients are those of the ops one after
/// the other, bit for bit, and no more is kept for backward. Not thread-safe.
class ElementChain {
 public:
  explicit ElementChain(const Chain& chain) : chain_(chain) {}

  /// The result for tensors that stand for the chain's inputs; nothing where the backend has no
  /// kernel for it, or the ops are to run one after the other: inputs of several dtypes or of other
  /// than floating-point numbers, orders in memory that differ, steps that autocast has a say in,
  /// mistakes (which the ops then tell of).
  std::optional<Tensor> run(const Tensors& inputs);

 private:
  bool fits(const Tensors& inputs, const Tensor& like) const;
  ChainSet kept_for(ChainSet learning);
  void record(const Tensors& inputs, const std::array<Tensor, Chain::kMostValues>& made,
              ChainSet kept, const Tensor& y) const;

  Chain chain_;
  std::map<ChainSet, ChainSet> kept_;  // by which inputs want a gradient
};

}  // namespace nw::ops
