#include "core/nn/layers/layer_norm.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/nn/layers/norm_base.h"
#include "core/ops/norm.h"

namespace nw::nn {

LayerNorm::LayerNorm(const Options& options) : options_(options) {
  for (const int64_t size : options.normalized_shape) {
    NW_CHECK(size >= 0, "[LayerNorm] sizes in normalized_shape cannot be negative, gets ", size);
  }
  if (options.elementwise_affine) {
    weight_ = new_parameter(options.normalized_shape);
    bias_ = new_parameter(options.normalized_shape);
    raw::fill_(weight_, 1);
    raw::fill_(bias_, 0);
  }
  register_parameter("weight", weight_);
  register_parameter("bias", bias_);
}

std::string LayerNorm::extra_repr() const {
  const Dims& sizes = options_.normalized_shape;
  return concat(to_python(std::vector<int64_t>(sizes.begin(), sizes.end())),
                ", eps=", to_python(options_.eps),
                ", elementwise_affine=", options_.elementwise_affine ? "True" : "False");
}

Tensor LayerNorm::forward(const Tensor& input) {
  return ops::layer_norm(input, options_.normalized_shape, weight_, bias_, options_.eps);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  // Without a size from the wire any will do: forward then tells what is wrong with the input.
  Dims sizes{1};
  if (!args.is_none("normalized_shape")) {
    const std::vector<int64_t> given = args.integers("normalized_shape");
    sizes = Dims(given.begin(), given.end());
  }
  return std::make_unique<LayerNorm>(
      LayerNorm::Options{.normalized_shape = sizes,
                         .eps = args.real("eps"),
                         .elementwise_affine = args.boolean("elementwise_affine")});
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("normalized_shape") && input.size() >= 2) {
    args.set("normalized_shape", input.back());
  }
}

std::string caption(const Args& args) {
  if (args.is_none("normalized_shape")) return {};
  const std::vector<int64_t> sizes = args.integers("normalized_shape");
  return to_string(Dims(sizes.begin(), sizes.end()));
}

}  // namespace

Block layer_norm_block() {
  Block block;
  block.common = true;
  block.synonyms = "layer normalization, ln";
  block.id = "LayerNorm";
  block.torch_name = "nn.LayerNorm";
  block.factory = true;
  block.category = "normalisation";
  block.icon = "layer_norm";
  block.summary = "Gives the features of each sample mean 0 and variance 1.";
  block.formula = "y = (x − E[x]) / √(Var[x] + ε) · γ + β,  E and Var over the last dimensions";
  block.when_to_use =
      "In transformers and recurrent nets, and wherever batches are small: it does not look at the "
      "other samples.";
  block.reference = "https://arxiv.org/abs/1607.06450";
  block.params = {
      {.name = "normalized_shape",
       .type = ParamType::IntTuple,
       .help = "Sizes of the last dimensions, over which mean and variance are taken.",
       .min = 0,
       .usual_min = 1,
       .arity = 0,
       .inferred = true,
       .required = true},
      eps_param(),
      affine_param("elementwise_affine", true),
  };
  block.inputs = {
      {"input", "Numbers of any sizes (…, normalized_shape)", false, "N * normalized_shape"}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.make = make;
  block.infer = infer;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
