#include "core/nn/losses/cross_entropy.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/nn/losses/reduction.h"

namespace nw::nn {

CrossEntropyLoss::CrossEntropyLoss(const Options& options)
    : options_{.ignore_index = options.ignore_index,
               .reduction = reduction_from_text(options.reduction, "CrossEntropyLoss"),
               .label_smoothing = options.label_smoothing} {
  NW_CHECK(!(options.label_smoothing > 1),
           "[CrossEntropyLoss] label_smoothing must be at most 1, is ", options.label_smoothing);
  if (options.weight.empty()) return;
  const Dims sizes{static_cast<int64_t>(options.weight.size())};
  const Tensor weight = new_parameter(sizes);
  raw::copy_(weight, raw::to(tensor_of<double>(options.weight, sizes), weight.device()));
  options_.weight = register_buffer("weight", weight);
}

Tensors CrossEntropyLoss::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 2, "[CrossEntropyLoss] expects scores and targets, gets ",
           inputs.size(), " tensors");
  return {ops::cross_entropy(inputs[0], inputs[1], options_)};
}

bool CrossEntropyLoss::weighs_targets() const {
  return options_.weight.defined() || options_.ignore_index >= 0;
}

double CrossEntropyLoss::weight_of(const Tensor& target) const {
  return sum_of_weights(target, options_.weight, options_.ignore_index);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  std::vector<double> weight;
  if (!args.is_none("weight")) weight = real_list(args.text("weight"));
  return std::make_unique<CrossEntropyLoss>(
      CrossEntropyLoss::Options{.weight = weight,
                                .ignore_index = args.integer("ignore_index"),
                                .reduction = args.text("reduction"),
                                .label_smoothing = args.real("label_smoothing")});
}

std::string caption(const Args& args) {
  const double smoothing = args.real("label_smoothing");
  return smoothing == 0 ? "" : concat("smoothing ", smoothing);
}

}  // namespace

Block cross_entropy_loss_block() {
  Block block = loss_block();
  block.common = true;
  block.synonyms = "classification, softmax loss, categorical cross-entropy";
  block.id = "CrossEntropyLoss";
  block.torch_name = "nn.CrossEntropyLoss";
  block.icon = "cross_entropy";
  block.summary = "Punishes little probability for the right class.";
  block.formula = "L = −log( exp(x[t]) / Σ exp(x[j]) )";
  block.when_to_use =
      "For classification into one of several classes. Takes raw scores: no Softmax before it.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html";
  block.params = {
      {.name = "weight",
       .type = ParamType::Text,
       .fallback = None{},
       .help = "One number for each class, as 1, 0.5, 2: how much it counts. None: all alike.",
       .optional = true,
       .real_list = true},
      {.name = "ignore_index",
       .type = ParamType::Int,
       .fallback = int64_t{-100},
       .help = "Targets of this class do not count.",
       .keyword_only = true},
      reduction_param(),
      {.name = "label_smoothing",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "How much of the probability is spread over all classes: 0 none, 0.1 usual.",
       .max = 1,
       .usual_min = 0,
       .keyword_only = true},
  };
  block.inputs[0].help = "Scores (N, classes) or (N, classes, …)";
  block.inputs[1].help =
      "Classes (N) or (N, …), or probabilities of the scores' sizes; unwired: the data set's "
      "target";
  block.inputs[0].layout = "N C *";
  block.inputs[1].layout = "N *";
  block.inputs[1].numbers = PortNumbers::Classes;
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
