#include "core/nn/layers/linear.h"

#include "core/nn/init.h"
#include "core/ops/matmul.h"

namespace nw::nn {

Linear::Linear(const Options& options)
    : in_features_(options.in_features), out_features_(options.out_features) {
  NW_CHECK(in_features_ >= 0 && out_features_ >= 0,
           "[Linear] in_features and out_features cannot be negative, are ", in_features_, " and ",
           out_features_);
  weight_ = register_parameter("weight", new_parameter(Dims{out_features_, in_features_}));
  bias_ = register_parameter("bias", options.bias ? new_parameter(Dims{out_features_}) : Tensor());
  init::linear_(weight_, bias_);
  // torch draws here, too.
  if (in_features_ == 0 && bias_.defined()) init::uniform_(bias_, 0, 0);
}

Linear::Linear(WithoutSizes, int64_t out_features, bool bias)
    : in_features_(0), out_features_(out_features) {
  NW_CHECK(out_features >= 0, "[LazyLinear] out_features cannot be negative, is ", out_features);
  weight_ = register_uninitialized_parameter("weight");
  bias_ = bias ? register_uninitialized_parameter("bias") : register_parameter("bias", Tensor());
}

std::string Linear::extra_repr() const {
  return concat("in_features=", in_features_, ", out_features=", out_features_,
                ", bias=", bias_.defined() ? "True" : "False");
}

Tensor Linear::forward(const Tensor& input) {
  return ops::linear(input, weight_, bias_);
}

Tensor Linear::forward_through(const Tensor& input, ElementKind f) {
  return ops::activated_linear(input, weight_, bias_, f);
}

void LazyLinear::initialize_parameters(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 1 && inputs[0].dim() > 0,
           "[LazyLinear] expects one input with at least one dimension");
  in_features_ = inputs[0].size(-1);
  materialize(weight_, Dims{out_features_, in_features_});
  if (bias_.defined()) materialize(bias_, Dims{out_features_});
  init::linear_(weight_, bias_);
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

Param out_features_param() {
  return {.name = "out_features",
          .type = ParamType::Int,
          .fallback = int64_t{10},
          .help = "Features that go out; in the last layer of a classifier, the number of classes.",
          .min = 0,
          .usual_min = 1,
          .required = true};
}

Param bias_param() {
  return {.name = "bias",
          .type = ParamType::Bool,
          .fallback = true,
          .help = "Whether a learnable number is added to each output."};
}

Block common_block() {
  Block block;
  block.category = "linear";
  block.icon = "linear";
  block.formula = "y = x·Wᵀ + b";
  block.factory = true;
  block.outputs = {{"output", "The same sizes but the last: (…, out_features)", false}};
  block.multiply_adds = multiply_adds;
  return block;
}

}  // namespace

Block linear_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "dense, fully connected, fc, affine";
  block.id = "Linear";
  block.torch_name = "nn.Linear";
  block.summary = "Computes weighted sums of all features: each output sees every input.";
  block.when_to_use =
      "As hidden or last layer of a classifier or regressor. Flatten images before it.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Linear.html";
  block.params = {{.name = "in_features",
                   .type = ParamType::Int,
                   .help = "Features that come in: the size of the input's last dimension.",
                   .min = 0,
                   .usual_min = 1,
                   .inferred = true,
                   .required = true},
                  out_features_param(),
                  bias_param()};
  block.inputs = {{"input", "Numbers of any sizes (…, in_features)", false, "N * in_features"}};
  block.make = make;
  block.infer = infer;
  block.caption = caption;
  return block;
}

Block lazy_linear_block() {
  Block block = common_block();
  block.id = "LazyLinear";
  block.torch_name = "nn.LazyLinear";
  block.summary = "A Linear layer that takes the number of its inputs from the first batch.";
  block.when_to_use = "In PyTorch code that leaves in_features open; here Linear finds it, too.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html";
  block.params = {out_features_param(), bias_param()};
  block.inputs = {{"input", "Numbers of any sizes (…, features)", false, "N * features"}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<LazyLinear>(LazyLinear::Options{
        .out_features = args.integer("out_features"), .bias = args.boolean("bias")});
  };
  block.caption = [](const Args& args) { return concat("→ ", args.integer("out_features")); };
  return block;
}

Block identity_block() {
  Block block;
  block.synonyms = "pass through, nothing, placeholder";
  block.id = "Identity";
  block.ignores_arguments = true;
  block.torch_name = "nn.Identity";
  block.category = "shape";
  block.icon = "shape";
  block.summary = "Hands on what comes in.";
  block.formula = "y = x";
  block.when_to_use = "To take a layer out of a network and keep its place.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Identity.html";
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "The same numbers", false}};
  block.make = [](const Args&) -> std::unique_ptr<Module> { return std::make_unique<Identity>(); };
  return block;
}

}  // namespace nw::nn
