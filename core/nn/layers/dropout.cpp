#include "core/nn/layers/dropout.h"

#include "core/ops/dropout.h"
#include "core/ops/shape.h"

namespace nw::nn {
DropoutBase::DropoutBase(const Options& options, std::string_view op) : options_(options) {
  NW_CHECK(options.p >= 0 && options.p <= 1, "[", op, "] p must be between 0 and 1, is ",
           options.p);
}

std::string DropoutBase::extra_repr() const {
  return "p=" + to_python(Value(options_.p)) + ", inplace=" + to_python(Value(options_.inplace));
}

Tensor DropoutBase::drop_channels(const Tensor& x) const {
  return inplace() ? ops::feature_dropout_(x, p(), default_generator())
                   : ops::feature_dropout(x, p(), default_generator());
}

Tensor Dropout::forward(const Tensor& input) {
  if (!training()) return input;
  return inplace() ? ops::dropout_(input, p(), default_generator())
                   : ops::dropout(input, p(), default_generator());
}

Tensor Dropout1d::forward(const Tensor& input) {
  NW_CHECK(input.dim() == 2 || input.dim() == 3,
           "[Dropout1d] expects 3 dimensions (N, C, L) or 2 (C, L), gets ",
           to_string(input.sizes()));
  if (!training()) return input;
  if (input.dim() == 3) return drop_channels(input);
  return ops::squeeze(drop_channels(ops::unsqueeze(input, 0)), 0);
}

Tensor Dropout2d::forward(const Tensor& input) {
  return training() ? drop_channels(input) : input;
}

Tensor Dropout3d::forward(const Tensor& input) {
  if (!training()) return input;
  if (input.dim() == 5) return drop_channels(input);
  return ops::squeeze(drop_channels(ops::unsqueeze(input, 0)), 0);
}

Tensor AlphaDropout::forward(const Tensor& input) {
  return training() ? ops::alpha_dropout(input, p(), default_generator()) : input;
}

Tensor FeatureAlphaDropout::forward(const Tensor& input) {
  return training() ? ops::feature_alpha_dropout(input, p(), default_generator()) : input;
}

namespace {

struct Texts {
  const char* id;
  const char* layout;
  const char* summary;
  const char* formula;
  const char* when_to_use;
  const char* reference;
  bool common = false;
};

template <typename Layer>
Block block_of(const Texts& texts) {
  Block block;
  block.id = texts.id;
  block.torch_name = concat("nn.", texts.id);
  block.category = "regularisation";
  block.icon = "dropout";
  block.common = texts.common;
  block.summary = texts.summary;
  block.formula = texts.formula;
  block.when_to_use = texts.when_to_use;
  block.reference = texts.reference;
  block.params = {
      {.name = "p",
       .type = ParamType::Real,
       .fallback = 0.5,
       .help = "The probability with which a number or channel is dropped.",
       .min = 0,
       .max = 1},
      {.name = "inplace",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Overwrites its input, which saves memory; nothing else may read that input."}};
  block.inputs = {{"input", "Numbers of any sizes", false, texts.layout}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.draws_random = true;
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Layer>(
        DropoutBase::Options{.p = args.real("p"), .inplace = args.boolean("inplace")});
  };
  block.caption = [](const Args& args) { return concat("p ", args.real("p")); };
  return block;
}

constexpr const char* kSrivastava = "https://jmlr.org/papers/v15/srivastava14a.html";
constexpr const char* kTompson = "https://arxiv.org/abs/1411.4280";
constexpr const char* kKlambauer = "https://arxiv.org/abs/1706.02515";

}  // namespace

std::vector<Block> dropout_blocks() {
  const char* channels = "y = x · m / (1 − p),  one m for each channel";
  return {
      block_of<Dropout>(
          {"Dropout", "*", "While training, sets numbers to 0 at random; afterwards lets all pass.",
           "y = x · m / (1 − p),  m = 0 with probability p, else 1",
           "When the validation loss rises while the training loss falls: before the last Linear "
           "layers.",
           kSrivastava, true}),
      block_of<Dropout1d>(
          {"Dropout1d", "N C L", "While training, sets whole channels of sequences to 0 at random.",
           channels, "After a Conv1d, whose neighbouring numbers are alike.", kTompson}),
      block_of<Dropout2d>(
          {"Dropout2d", "N C H W", "While training, sets whole channels of images to 0 at random.",
           channels, "After a Conv2d, whose neighbouring pixels are alike.", kTompson, true}),
      block_of<Dropout3d>({"Dropout3d", "N C D H W",
                           "While training, sets whole channels of volumes to 0 at random.",
                           channels, "After a Conv3d, whose neighbouring voxels are alike.",
                           kTompson}),
      block_of<AlphaDropout>(
          {"AlphaDropout", "*",
           "Dropout for SELU: what flows keeps mean 0 and variance 1 while training.",
           "y = a · (x · m + α′ · (1 − m)) + b", "In networks of Linear and SELU.", kKlambauer}),
      block_of<FeatureAlphaDropout>({"FeatureAlphaDropout", "N C *",
                                     "AlphaDropout that drops whole channels.",
                                     "y = a · (x · m + α′ · (1 − m)) + b,  one m for each channel",
                                     "In networks of convolutions and SELU.", kKlambauer}),
  };
}

}  // namespace nw::nn
