#pragma once

#include <optional>
#include <string>

#include "core/nn/block.h"
#include "core/trial/draw.h"

namespace nw::trial {

/// One drawn situation of one block: what it is made with, and what it is fed with.
struct BlockCase {
  const nn::Block* block;
  nn::Args args;
  DType dtype;
  bool training;
  bool regular = true;  // inputs as the ports' layouts say
  int forwards = 1;     // in a row; outputs and gradients are the last one's
  uint64_t seed;
  Tensors inputs = {};  // one for each port, undefined where the port stays unwired

  /// Parameters are drawn in this dtype; others are converted to afterwards.
  bool is_wide() const { return dtype == DType::Float32 || dtype == DType::Float64; }
  /// All that is needed to repeat it, for messages.
  std::string text() const;
};

/// Arguments, sizes, numbers and memory layouts drawn from the description. Mostly as the ports'
/// layouts say, now and then sizes that the block may refuse. Without a dtype that is drawn, too.
BlockCase draw_case(Draw& draw, const nn::Block& block, std::optional<DType> dtype = {});

/// The same numbers in memory in another way: with gaps, transposed, channels last, a part of more,
/// repeated by a stride of 0 (then other numbers), or as they are.
Tensor arranged(Draw& draw, const Tensor& dense);

}  // namespace nw::trial
