#include "core/nn/layers/softmax.h"

#include "core/ops/arithmetic.h"
#include "core/ops/softmax.h"

namespace nw::nn {

std::string AlongDim::extra_repr() const {
  return "dim=" + (dim_ ? std::to_string(*dim_) : std::string("None"));
}

int64_t AlongDim::dim_of(const Tensor& input) const {
  const int64_t rank = input.dim();
  const int64_t usual = rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
  return dim_.value_or(usual);
}

Tensor Softmax::forward(const Tensor& input) {
  return ops::softmax(input, dim_of(input));
}

Tensor Softmin::forward(const Tensor& input) {
  return ops::softmax(ops::neg(input), dim_of(input));
}

Tensor LogSoftmax::forward(const Tensor& input) {
  return ops::log_softmax(input, dim_of(input));
}

Tensor Softmax2d::forward(const Tensor& input) {
  NW_CHECK(input.dim() == 3 || input.dim() == 4,
           "[Softmax2d] expects 4 dimensions (N, C, H, W) or 3 (C, H, W), gets ",
           to_string(input.sizes()));
  return ops::softmax(input, -3);
}

namespace {

template <typename Layer>
std::unique_ptr<Module> make(const Args& args) {
  AlongDim::Options options;
  if (!args.is_none("dim")) options.dim = args.integer("dim");
  return std::make_unique<Layer>(options);
}

std::string caption(const Args& args) {
  return args.is_none("dim") ? "" : "dim " + std::to_string(args.integer("dim"));
}

Block common_block(const std::string& id) {
  Block block;
  block.id = id;
  block.torch_name = "nn." + id;
  block.category = "activation";
  block.icon = "softmax";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn." + id + ".html";
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  return block;
}

Block dim_block(const std::string& id) {
  Block block = common_block(id);
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = None{},
                   .help = "The dimension that adds up to 1: 1 for (N, classes), −1 for the last. "
                           "None: 0 for one or three dimensions, else 1.",
                   .min = -8,
                   .max = 7,
                   .optional = true}};
  block.caption = caption;
  return block;
}

}  // namespace

Block softmax_block() {
  Block block = dim_block("Softmax");
  block.common = true;
  block.synonyms = "probabilities, classes, normalised exponential";
  block.summary = "Turns scores into probabilities that add up to 1.";
  block.formula = "y[i] = exp(x[i]) / Σ exp(x[j])";
  block.when_to_use =
      "To read probabilities from a trained classifier. Not before CrossEntropyLoss, which has it "
      "inside.";
  block.make = make<Softmax>;
  return block;
}

Block softmin_block() {
  Block block = dim_block("Softmin");
  block.summary = "Turns scores into probabilities, the largest for the least score.";
  block.formula = "y[i] = exp(−x[i]) / Σ exp(−x[j])";
  block.when_to_use = "To choose by distances: the nearest gets the largest share.";
  block.make = make<Softmin>;
  return block;
}

Block log_softmax_block() {
  Block block = dim_block("LogSoftmax");
  block.summary = "Turns scores into logarithms of probabilities.";
  block.formula = "y[i] = x[i] − ln Σ exp(x[j])";
  block.when_to_use = "As last layer in front of NLLLoss.";
  block.make = make<LogSoftmax>;
  return block;
}

Block softmax2d_block() {
  Block block = common_block("Softmax2d");
  block.summary = "Turns the channels of each pixel into probabilities that add up to 1.";
  block.formula = "y[c, i, j] = exp(x[c, i, j]) / Σ exp(x[k, i, j])";
  block.when_to_use = "To read a class for each pixel from a trained segmentation network.";
  block.inputs = {{"input", "Images (N, C, height, width)", false, "N C H W"}};
  block.make = [](const Args&) -> std::unique_ptr<Module> { return std::make_unique<Softmax2d>(); };
  return block;
}

}  // namespace nw::nn
