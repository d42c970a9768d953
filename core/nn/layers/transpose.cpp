#include "core/nn/layers/transpose.h"

#include "core/ops/shape.h"

namespace nw::nn {

Tensor Transpose::forward(const Tensor& input) {
  const int64_t rank = input.dim();
  for (const int64_t dim : {options_.dim0, options_.dim1}) {
    NW_CHECK(dim >= -rank && dim < rank, "[Transpose] expects a dimension ", dim, ", gets ",
             to_string(input.sizes()), " with ", rank);
  }
  return ops::transpose(input, options_.dim0, options_.dim1);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Transpose>(
      Transpose::Options{.dim0 = args.integer("dim0"), .dim1 = args.integer("dim1")});
}

std::string caption(const Args& args) {
  return concat(args.integer("dim0"), " ↔ ", args.integer("dim1"));
}

Param dim_param(const char* name, int64_t fallback) {
  return {.name = name,
          .type = ParamType::Int,
          .fallback = fallback,
          .help = "A dimension, 0 is the batch; negative: from the end.",
          .min = -8,
          .max = 7};
}

}  // namespace

Block transpose_block() {
  Block block;
  block.id = "Transpose";
  block.code = "{input}.transpose({dim0}, {dim1})";
  block.category = "shape";
  block.icon = "shape";
  block.summary = "Exchanges two dimensions.";
  block.formula = "y[…, j, …, i, …] = x[…, i, …, j, …]";
  block.when_to_use =
      "Between layers that want features last (Linear, LSTM) and those that want them second "
      "(Conv1d, CrossEntropyLoss of sequences).";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.transpose.html";
  block.params = {dim_param("dim0", 1), dim_param("dim1", 2)};
  block.inputs = {{"input", "Numbers with both dimensions", false}};
  block.outputs = {{"output", "The same numbers, the two sizes exchanged", false}};
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
