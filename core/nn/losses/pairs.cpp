#include "core/nn/losses/pairs.h"

#include "core/nn/layers/distance.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/loss_parts.h"

namespace nw::nn {

Tensors HingeEmbeddingLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::hinge_embedding_loss(inputs[0], inputs[1], margin_, reduction())};
}

Tensors CosineEmbeddingLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 3);
  return {ops::cosine_embedding_loss(inputs[0], inputs[1], inputs[2], margin_, reduction())};
}

Tensors MarginRankingLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 3);
  return {ops::margin_ranking_loss(inputs[0], inputs[1], inputs[2], margin_, reduction())};
}

Tensors TripletMarginLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 3);
  return {ops::triplet_margin_loss(inputs[0], inputs[1], inputs[2], options_, reduction())};
}

TripletMarginWithDistanceLoss::TripletMarginWithDistanceLoss(const Options& options)
    : Loss("TripletMarginWithDistanceLoss", options.reduction),
      distance_(&add_module("distance_function",
                            std::make_unique<PairwiseDistance>(PairwiseDistance::Options{}))),
      margin_(options.margin),
      swap_(options.swap) {}

Tensors TripletMarginWithDistanceLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 3);
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return distance_->call({a, b})[0];
  };
  const Tensor near = distance(inputs[0], inputs[1]);
  Tensor far = distance(inputs[0], inputs[2]);
  if (swap_) far = ops::minimum(far, distance(inputs[1], inputs[2]));
  const Tensor loss = ops::clamp(ops::add(ops::sub(near, far), margin_), 0, std::nullopt);
  return {ops::reduced(loss, reduction())};
}

namespace {

template <typename LossModule>
std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<LossModule>(typename LossModule::Options{
      .margin = args.real("margin"), .reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_triplet(const Args& args) {
  return std::make_unique<TripletMarginLoss>(
      TripletMarginLoss::Options{.margin = args.real("margin"),
                                 .p = args.real("p"),
                                 .eps = args.real("eps"),
                                 .swap = args.boolean("swap"),
                                 .reduction = args.text("reduction")});
}

std::string caption(const Args& args) {
  return concat("margin ", args.real("margin"));
}

Param margin_param(double fallback, std::string help) {
  return {.name = "margin", .type = ParamType::Real, .fallback = fallback, .help = std::move(help)};
}

}  // namespace

Block hinge_embedding_loss_block() {
  Block block = loss_block();
  block.id = "HingeEmbeddingLoss";
  block.torch_name = "nn.HingeEmbeddingLoss";
  block.summary = "Punishes large distances of like pairs and small ones of unlike pairs.";
  block.formula = "L = mean x where t = 1, max(0, margin − x) where t = −1";
  block.when_to_use = "To learn from distances whether two things are alike.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html";
  block.params = {margin_param(1.0, "From which distance on unlike pairs cost nothing."),
                  reduction_param()};
  block.inputs[0].help = "Distances";
  set_target(block, PortNumbers::Signs, "1 for like pairs, −1 for unlike ones");
  block.make = make<HingeEmbeddingLoss>;
  block.caption = caption;
  return block;
}

Block cosine_embedding_loss_block() {
  Block block = loss_block();
  block.id = "CosineEmbeddingLoss";
  block.torch_name = "nn.CosineEmbeddingLoss";
  block.summary = "Punishes unlike directions of like pairs and like directions of unlike pairs.";
  block.formula = "L = mean 1 − cos(a, b) where t = 1, max(0, cos(a, b) − margin) where t = −1";
  block.when_to_use = "To learn vectors of texts or pictures of which only the direction counts.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html";
  Param margin =
      margin_param(0.0, "Up to which cosine unlike pairs cost nothing; 0 to 0.5 is usual.");
  block.params = {margin, reduction_param()};
  block.inputs = {{"input1", "Vectors (N, features)", false, "N D"},
                  {"input2", "The vectors to compare them with (N, features)", false, "N D"},
                  {"target", "", true, "N"}};
  set_target(block, PortNumbers::Signs, "1 for like pairs, −1 for unlike ones");
  block.make = make<CosineEmbeddingLoss>;
  block.caption = caption;
  return block;
}

Block margin_ranking_loss_block() {
  Block block = loss_block();
  block.id = "MarginRankingLoss";
  block.torch_name = "nn.MarginRankingLoss";
  block.summary = "Punishes two scores whose order is wrong.";
  block.formula = "L = mean max(0, −t·(a − b) + margin)";
  block.when_to_use = "To learn an order: t is 1 where a should be the higher, −1 where b should.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html";
  block.params = {margin_param(0.0, "By how much the right one should lead."), reduction_param()};
  block.inputs = {{"input1", "Scores a", false, "N *"},
                  {"input2", "Scores b", false, "="},
                  {"target", "", true, "="}};
  set_target(block, PortNumbers::Signs, "1 where a should be the higher, −1 where b should");
  block.make = make<MarginRankingLoss>;
  block.caption = caption;
  return block;
}

Block triplet_margin_loss_block() {
  Block block = loss_block();
  block.id = "TripletMarginLoss";
  block.torch_name = "nn.TripletMarginLoss";
  block.summary = "Punishes anchors that are not nearer to what is like them than to what is not.";
  block.formula = "L = mean max(0, d(a, p) − d(a, n) + margin),  d(a, b) = ‖a − b + eps‖ₚ";
  block.when_to_use =
      "To learn vectors by examples of like and unlike, as for faces: three answers of one "
      "network.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html";
  block.params = {
      margin_param(1.0, "By how much the unlike should be farther away."),
      {.name = "p",
       .type = ParamType::Real,
       .fallback = 2.0,
       .help = "The norm that measures distances: 1 absolute, 2 Euclidean."},
      {.name = "eps",
       .type = ParamType::Real,
       .fallback = 1e-6,
       .help = "Added to each difference, so that distances have slopes."},
      {.name = "swap",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Whether the distance of positive and negative counts where it is smaller "
               "than that of anchor and negative.",
       .strict = true},
      reduction_param()};
  block.inputs = {{"anchor", "Vectors (N, features)", false, "N D"},
                  {"positive", "Vectors that should be near (N, features)", false, "N D"},
                  {"negative", "Vectors that should be far away (N, features)", false, "N D"}};
  block.make = make_triplet;
  block.caption = caption;
  return block;
}

Block triplet_margin_with_distance_loss_block() {
  Block block = triplet_margin_loss_block();
  block.id = "TripletMarginWithDistanceLoss";
  block.torch_name = "nn.TripletMarginWithDistanceLoss";
  block.formula = "L = mean max(0, d(a, p) − d(a, n) + margin),  d(a, b) = ‖a − b + ε‖₂";
  block.when_to_use =
      "As TripletMarginLoss, in PyTorch code that could give a distance of its own; here it is the "
      "Euclidean one.";
  block.reference =
      "https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html";
  std::erase_if(block.params,
                [](const Param& param) { return param.name == "p" || param.name == "eps"; });
  for (Param& param : block.params) {
    param.keyword_only = true;
    param.strict = false;
  }
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<TripletMarginWithDistanceLoss>(
        TripletMarginWithDistanceLoss::Options{.margin = args.real("margin"),
                                               .swap = args.boolean("swap"),
                                               .reduction = args.text("reduction")});
  };
  return block;
}

}  // namespace nw::nn
