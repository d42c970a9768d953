#include "core/nn/layers/merge.h"

#include "core/ops/arithmetic.h"
#include "core/ops/join.h"

namespace nw::nn {

Tensors Add::forward(const Tensors& inputs) {
  return {ops::add(inputs[0], inputs[1])};
}

Tensors Multiply::forward(const Tensors& inputs) {
  return {ops::mul(inputs[0], inputs[1])};
}

Tensors Concat::forward(const Tensors& inputs) {
  return {ops::cat(inputs, dim_)};
}

namespace {

template <typename Function>
std::unique_ptr<Module> make(const Args&) {
  return std::make_unique<Function>();
}

std::unique_ptr<Module> make_concat(const Args& args) {
  return std::make_unique<Concat>(args.integer("dim"));
}

std::string concat_caption(const Args& args) {
  return "dim " + std::to_string(args.integer("dim"));
}

Block common_block() {
  Block block;
  block.category = "shape";
  block.icon = "merge";
  block.inputs = {{"input", "Numbers of any sizes", false},
                  {"other", "Numbers of the same sizes, or of sizes that repeat to them", false}};
  block.inputs[1].layout = "=";
  return block;
}

}  // namespace

Block addition_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "residual, skip connection, shortcut, plus, sum";
  block.id = "Add";
  block.code = "{input} + {other}";
  block.summary = "Adds two tensors, number by number.";
  block.formula = "y = a + b";
  block.when_to_use =
      "To let a signal pass by some layers: the residual connection that makes deep networks "
      "learn.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.add.html";
  block.outputs = {{"output", "The sum", false}};
  block.make = make<Add>;
  return block;
}

Block multiply_block() {
  Block block = common_block();
  block.synonyms = "gate, times, product";
  block.id = "Multiply";
  block.code = "{input} * {other}";
  block.summary = "Multiplies two tensors, number by number.";
  block.formula = "y = a · b";
  block.when_to_use =
      "For gates and attention masks: one branch decides how much of another passes.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.mul.html";
  block.outputs = {{"output", "The product", false}};
  block.make = make<Multiply>;
  return block;
}

Block concat_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "concatenate, cat, merge, join, skip connection";
  block.id = "Concat";
  block.code = "torch.cat(({input}, {other}), dim={dim})";
  block.summary = "Puts two tensors one behind the other along a dimension.";
  block.formula = "y = [a; b]";
  block.when_to_use =
      "To give later layers the features of two branches, as DenseNet and U-Net do.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.cat.html";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "The dimension that grows: 1 for features or channels.",
                   .min = -8,
                   .max = 7}};
  block.outputs = {{"output", "Sizes of both, added up along dim", false}};
  block.make = make_concat;
  block.caption = concat_caption;
  return block;
}

}  // namespace nw::nn
