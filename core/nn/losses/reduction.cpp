#include "core/nn/losses/reduction.h"

namespace nw::nn {

ops::Reduction reduction_from_text(std::string_view text, std::string_view op) {
  if (text == "none") return ops::Reduction::None;
  if (text == "sum") return ops::Reduction::Sum;
  NW_CHECK(text == "mean", "[", op, "] reduction expects 'none', 'mean' or 'sum', gets '", text,
           "'");
  return ops::Reduction::Mean;
}

Param reduction_param() {
  return {.name = "reduction",
          .type = ParamType::Choice,
          .fallback = std::string("mean"),
          .help =
              "What becomes of the losses of a batch: their mean, their sum, or none. Training "
              "needs one number: mean or sum.",
          .choices = {"none", "mean", "sum"},
          .keyword_only = true};
}

Block loss_block() {
  Block block;
  block.category = "loss";
  block.role = Role::Loss;
  block.inputs = {
      {"input", "What the network answers", false, "N *"},
      {"target", "What it should answer; unwired: the data set's target", true, "="},
  };
  block.outputs = {};
  return block;
}

}  // namespace nw::nn
