#include "core/nn/layers/bilinear.h"

#include <array>
#include <cmath>

#include "core/nn/init.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/contraction.h"
#include "core/ops/promotion.h"

namespace nw::nn {

Bilinear::Bilinear(const Options& options) : options_(options) {
  NW_CHECK(options.in1_features > 0, "[Bilinear] in1_features must be positive, is ",
           options.in1_features);
  NW_CHECK(options.in2_features >= 0 && options.out_features >= 0,
           "[Bilinear] in2_features and out_features cannot be negative, are ",
           options.in2_features, " and ", options.out_features);
  const Dims sizes{options.out_features, options.in1_features, options.in2_features};
  weight_ = register_parameter("weight", new_parameter(sizes));
  bias_ = register_parameter("bias",
                             options.bias ? new_parameter(Dims{options.out_features}) : Tensor());
  const double bound = 1 / std::sqrt(static_cast<double>(options.in1_features));
  init::uniform_(weight_, -bound, bound);
  if (bias_.defined()) init::uniform_(bias_, -bound, bound);
}

namespace {

Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const Tensor& bias) {
  using namespace ops::autocast;
  constexpr Rules kRules{Rule::Parts, Rule::Widest};
  if (const auto cast = run(kRules, bilinear, a, b, weight, bias)) return *cast;
  // As torch: beside float32 weights in float32, and rounded as the first input.
  const bool wider = is_half(a.dtype()) && weight.dtype() == DType::Float32;
  const DType dtype = wider ? DType::Float32 : a.dtype();
  const Tensor y =
      ops::einsum("...i,oij,...j->...o", std::array{ops::to(a, dtype), weight, ops::to(b, dtype)});
  const Tensor rounded = ops::to(y, a.dtype());
  return bias.defined() ? ops::add(rounded, bias) : rounded;
}

}  // namespace

std::string Bilinear::extra_repr() const {
  return concat("in1_features=", options_.in1_features, ", in2_features=", options_.in2_features,
                ", out_features=", options_.out_features,
                ", bias=", bias_.defined() ? "True" : "False");
}

Tensors Bilinear::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 2 && inputs[0].defined() && inputs[1].defined(),
           "[Bilinear] expects two inputs, gets ", inputs.size());
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  ops::check_inexact_alike(a, b, "Bilinear");
  const auto others = [](const Tensor& x) { return Dims(x.sizes().begin(), x.sizes().end() - 1); };
  NW_CHECK(a.dim() > 0 && a.dim() == b.dim() && others(a) == others(b),
           "[Bilinear] expects inputs whose sizes differ in the last dimension only, gets ",
           to_string(a.sizes()), " and ", to_string(b.sizes()));
  NW_CHECK(a.size(-1) == options_.in1_features && b.size(-1) == options_.in2_features,
           "[Bilinear] expects ", options_.in1_features, " and ", options_.in2_features,
           " features, gets ", a.size(-1), " and ", b.size(-1));
  NW_CHECK(options_.in2_features > 0,
           "[Bilinear] expects at least one feature of the second input");
  return {bilinear(a, b, weight_, bias_)};
}

namespace {

Param size_param(std::string name, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Int,
          .fallback = int64_t{10},
          .help = std::move(help),
          .min = 0,
          .usual_min = 1,
          .required = true};
}

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Bilinear>(Bilinear::Options{.in1_features = args.integer("in1_features"),
                                                      .in2_features = args.integer("in2_features"),
                                                      .out_features = args.integer("out_features"),
                                                      .bias = args.boolean("bias")});
}

}  // namespace

Block bilinear_block() {
  Block block;
  block.id = "Bilinear";
  block.torch_name = "nn.Bilinear";
  block.category = "linear";
  block.icon = "linear";
  block.factory = true;
  block.synonyms = "bilinear form, product of two inputs";
  block.summary = "Computes weighted sums of all products of two inputs' features.";
  block.formula = "y[o] = x₁ᵀ·W[o]·x₂ + b[o]";
  block.when_to_use =
      "To join two branches, as a question and a picture, where products tell more "
      "than sums. It has many weights.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html";
  block.params = {size_param("in1_features", "Features of the first input."),
                  size_param("in2_features", "Features of the second input."),
                  size_param("out_features", "Features that go out."),
                  {.name = "bias",
                   .type = ParamType::Bool,
                   .fallback = true,
                   .help = "Whether a learnable number is added to each output."}};
  block.inputs = {{"input1", "Numbers (…, in1_features)", false, "N in1_features"},
                  {"input2", "Numbers (…, in2_features)", false, "N in2_features"}};
  block.outputs = {{"output", "The same sizes but the last: (…, out_features)", false}};
  block.make = make;
  block.caption = [](const Args& args) {
    return concat(args.integer("in1_features"), " × ", args.integer("in2_features"), " → ",
                  args.integer("out_features"));
  };
  block.multiply_adds = [](const Args& args, const Dims&, const Dims& output) {
    // The first input times W, and what comes of it times the second.
    const int64_t each = (args.integer("in1_features") + 1) * args.integer("in2_features");
    return numel(output) / output.front() * each;
  };
  return block;
}

}  // namespace nw::nn
