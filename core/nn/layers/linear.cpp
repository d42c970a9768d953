#include "core/nn/layers/linear.h"

#include "core/nn/init.h"
#include "core/ops/matmul.h"

namespace nw::nn {

Linear::Linear(const Options& options) {
  NW_CHECK(options.in_features >= 0 && options.out_features >= 0,
           "[Linear] in_features and out_features cannot be negative, are ", options.in_features,
           " and ", options.out_features);
  weight_ =
      register_parameter("weight", new_parameter(Dims{options.out_features, options.in_features}));
  bias_ = register_parameter("bias",
                             options.bias ? new_parameter(Dims{options.out_features}) : Tensor());
  init::linear_(weight_, bias_);
}

Tensor Linear::forward(const Tensor& input) {
  return ops::linear(input, weight_, bias_);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  // Without a size from the wire any will do: forward then tells what is wrong with the input.
  const int64_t inputs = args.is_none("in_features") ? 1 : args.integer("in_features");
  return std::make_unique<Linear>(Linear::Options{.in_features = inputs,
                                                  .out_features = args.integer("out_features"),
                                                  .bias = args.boolean("bias")});
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("in_features") && input.size() >= 2) args.set("in_features", input.back());
}

std::string caption(const Args& args) {
  const std::string outputs = std::to_string(args.integer("out_features"));
  if (args.is_none("in_features")) return "→ " + outputs;
  return std::to_string(args.integer("in_features")) + " → " + outputs;
}

int64_t multiply_adds(const Args&, const Dims& input, const Dims& output) {
  return numel(output) / output.front() * input.back();
}

}  // namespace

Block linear_block() {
  Block block;
  block.id = "Linear";
  block.torch_name = "nn.Linear";
  block.category = "linear";
  block.icon = "linear";
  block.summary = "Computes weighted sums of all features: each output sees every input.";
  block.formula = "y = x·Wᵀ + b";
  block.when_to_use =
      "As hidden or last layer of a classifier or regressor. Flatten images before it.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Linear.html";
  block.params = {
      {.name = "in_features",
       .type = ParamType::Int,
       .help = "Features that come in: the size of the input's last dimension.",
       .min = 1,
       .inferred = true,
       .required = true},
      {.name = "out_features",
       .type = ParamType::Int,
       .fallback = int64_t{10},
       .help = "Features that go out; in the last layer of a classifier, the number of classes.",
       .min = 1,
       .required = true},
      {.name = "bias",
       .type = ParamType::Bool,
       .fallback = true,
       .help = "Whether a learnable number is added to each output."},
  };
  block.inputs = {{"input", "Numbers of any sizes (…, in_features)", false, "N * in_features"}};
  block.outputs = {{"output", "The same sizes but the last: (…, out_features)", false}};
  block.make = make;
  block.infer = infer;
  block.caption = caption;
  block.multiply_adds = multiply_adds;
  return block;
}

}  // namespace nw::nn
