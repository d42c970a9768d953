#include "core/nn/layers/activation.h"

#include "core/ops/activation.h"
#include "core/ops/softmax.h"

namespace nw::nn {

Tensor ReLU::forward(const Tensor& input) {
  return ops::relu(input);
}

Tensor Tanh::forward(const Tensor& input) {
  return ops::tanh(input);
}

Tensor Sigmoid::forward(const Tensor& input) {
  return ops::sigmoid(input);
}

Tensor Softmax::forward(const Tensor& input) {
  const int64_t rank = input.dim();
  const int64_t usual = rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
  return ops::softmax(input, dim_.value_or(usual));
}

namespace {

template <typename Activation>
std::unique_ptr<Module> make(const Args&) {
  return std::make_unique<Activation>();
}

std::unique_ptr<Module> make_softmax(const Args& args) {
  Softmax::Options options;
  if (!args.is_none("dim")) options.dim = args.integer("dim");
  return std::make_unique<Softmax>(options);
}

std::string softmax_caption(const Args& args) {
  return args.is_none("dim") ? "" : "dim " + std::to_string(args.integer("dim"));
}

/// Ports and shelf, which all have.
Block common_block() {
  Block block;
  block.category = "activation";
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  return block;
}

}  // namespace

Block relu_block() {
  Block block = common_block();
  block.id = "ReLU";
  block.torch_name = "nn.ReLU";
  block.icon = "relu";
  block.summary = "Keeps what is positive and writes 0 for the rest.";
  block.formula = "y = max(0, x)";
  block.when_to_use = "The first choice between two layers: fast, and its gradient does not fade.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html";
  block.params = {{.name = "inplace",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Saves memory in PyTorch; the result is the same."}};
  block.make = make<ReLU>;
  return block;
}

Block tanh_block() {
  Block block = common_block();
  block.id = "Tanh";
  block.torch_name = "nn.Tanh";
  block.icon = "tanh";
  block.summary = "Bends numbers smoothly into the range from −1 to 1.";
  block.formula = "y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)";
  block.when_to_use = "In small or classic networks, and where outputs are centred on 0.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html";
  block.make = make<Tanh>;
  return block;
}

Block sigmoid_block() {
  Block block = common_block();
  block.id = "Sigmoid";
  block.torch_name = "nn.Sigmoid";
  block.icon = "sigmoid";
  block.summary = "Bends numbers smoothly into the range from 0 to 1.";
  block.formula = "y = 1 / (1 + e⁻ˣ)";
  block.when_to_use = "For gates, and for outputs that are read as independent probabilities.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html";
  block.make = make<Sigmoid>;
  return block;
}

Block softmax_block() {
  Block block = common_block();
  block.id = "Softmax";
  block.torch_name = "nn.Softmax";
  block.icon = "softmax";
  block.summary = "Turns scores into probabilities that add up to 1.";
  block.formula = "y[i] = exp(x[i]) / Σ exp(x[j])";
  block.when_to_use =
      "To read probabilities from a trained classifier. Not before CrossEntropyLoss, which has it "
      "inside.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = None{},
                   .help = "The dimension that adds up to 1: 1 for (N, classes), −1 for the last. "
                           "None: 0 for one or three dimensions, else 1.",
                   .min = -8,
                   .max = 7,
                   .optional = true}};
  block.make = make_softmax;
  block.caption = softmax_caption;
  return block;
}

}  // namespace nw::nn
