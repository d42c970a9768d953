#include "core/nn/layers/dropout.h"

#include "core/ops/dropout.h"

namespace nw::nn {

Dropout::Dropout(const Options& options) : p_(options.p) {
  NW_CHECK(p_ >= 0 && p_ <= 1, "[Dropout] p must be between 0 and 1, is ", p_);
}

Tensor Dropout::forward(const Tensor& input) {
  return training() ? ops::dropout(input, p_, default_generator()) : input;
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Dropout>(Dropout::Options{.p = args.real("p")});
}

std::string caption(const Args& args) {
  return concat("p ", args.real("p"));
}

}  // namespace

Block dropout_block() {
  Block block;
  block.id = "Dropout";
  block.torch_name = "nn.Dropout";
  block.category = "regularisation";
  block.icon = "dropout";
  block.summary = "While training, sets numbers to 0 at random; afterwards lets all pass.";
  block.formula = "y = x · m / (1 − p),  m = 0 with probability p, else 1";
  block.when_to_use =
      "When the validation loss rises while the training loss falls: before the last Linear "
      "layers.";
  block.reference = "https://jmlr.org/papers/v15/srivastava14a.html";
  block.params = {{.name = "p",
                   .type = ParamType::Real,
                   .fallback = 0.5,
                   .help = "The probability with which a number becomes 0.",
                   .min = 0,
                   .max = 1},
                  {.name = "inplace",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Saves memory in PyTorch; the result is the same."}};
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.draws_random = true;
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
