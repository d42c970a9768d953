#include "core/nn/layers/select.h"

#include "core/ops/slice.h"

namespace nw::nn {

std::string Select::extra_repr() const {
  return concat("dim=", options_.dim, ", index=", options_.index);
}

Tensor Select::forward(const Tensor& input) {
  const int64_t rank = input.dim();
  NW_CHECK(options_.dim >= -rank && options_.dim < rank, "[Select] expects a dimension ",
           options_.dim, ", gets ", to_string(input.sizes()), " with ", rank);
  const int64_t size = input.size(options_.dim);
  NW_CHECK(options_.index >= -size && options_.index < size, "[Select] expects more than ",
           options_.index < 0 ? -options_.index - 1 : options_.index, " elements in dimension ",
           options_.dim, ", gets ", size);
  return ops::select(input, options_.dim, options_.index);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Select>(
      Select::Options{.dim = args.integer("dim"), .index = args.integer("index")});
}

std::string caption(const Args& args) {
  const int64_t index = args.integer("index");
  return concat(index == -1 ? "last" : concat("no. ", index), " of dim ", args.integer("dim"));
}

}  // namespace

Block select_block() {
  Block block;
  block.id = "Select";
  block.code = "torch.select({input}, {dim}, {index})";
  block.category = "shape";
  block.icon = "shape";
  block.summary = "Takes one element of a dimension, such as the last step of each sequence.";
  block.formula = "y = x[:, index]";
  block.when_to_use =
      "Behind LSTM or GRU, to go on with what the whole sequence led to: dim 1, index −1 of "
      "output with batch_first. Of two directions take h_n, for the backward one ends at step 0.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.select.html";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "The dimension that one element is taken of; negative: from the end.",
                   .min = -8,
                   .max = 7},
                  {.name = "index",
                   .type = ParamType::Int,
                   .fallback = int64_t{-1},
                   .help = "Which element, from 0; negative: from the end, −1 is the last."}};
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "The same without the dimension", false}};
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
