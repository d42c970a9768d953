#include "core/nn/layers/distance.h"

#include "core/ops/distance.h"
#include "core/ops/shape.h"
#include "core/ops/similarity.h"

namespace nw::nn {
namespace {

void check_two(const Tensors& inputs, std::string_view op) {
  NW_CHECK(inputs.size() == 2 && inputs[0].defined() && inputs[1].defined(), "[", op,
           "] expects two inputs, gets ", inputs.size());
}

}  // namespace

Tensors CosineSimilarity::forward(const Tensors& inputs) {
  check_two(inputs, kind());
  return {ops::cosine_similarity(inputs[0], inputs[1], options_.dim, options_.eps)};
}

Tensors PairwiseDistance::forward(const Tensors& inputs) {
  check_two(inputs, kind());
  const Tensor y = ops::pairwise_distance(inputs[0], inputs[1], options_.p, options_.eps);
  const bool of_scalars = inputs[0].dim() == 0 && inputs[1].dim() == 0;
  if (!options_.keepdim || of_scalars) return {y};
  Dims kept = y.sizes();
  kept.push_back(1);
  return {ops::reshape(y, kept)};
}

namespace {

std::unique_ptr<Module> make_similarity(const Args& args) {
  return std::make_unique<CosineSimilarity>(
      CosineSimilarity::Options{.dim = args.integer("dim"), .eps = args.real("eps")});
}

std::unique_ptr<Module> make_distance(const Args& args) {
  return std::make_unique<PairwiseDistance>(PairwiseDistance::Options{
      .p = args.real("p"), .eps = args.real("eps"), .keepdim = args.boolean("keepdim")});
}

Block common_block() {
  Block block;
  block.category = "linear";
  block.icon = "similarity";
  block.inputs = {{"x1", "Vectors (N, D)", false, "N D"},
                  {"x2", "Vectors of the same sizes", false, "="}};
  return block;
}

}  // namespace

Block cosine_similarity_block() {
  Block block = common_block();
  block.id = "CosineSimilarity";
  block.torch_name = "nn.CosineSimilarity";
  block.summary = "Tells how far two vectors point the same way: from −1 to 1.";
  block.formula = "y = Σ x₁·x₂ / (max(‖x₁‖, ε)·max(‖x₂‖, ε))";
  block.when_to_use = "To compare what two branches say of two inputs, whatever their lengths.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "The dimension of the vectors; negative: counted from the end.",
                   .min = -8,
                   .max = 7},
                  {.name = "eps",
                   .type = ParamType::Real,
                   .fallback = 1e-8,
                   .help = "The least length that a vector is taken to have.",
                   .usual_min = 0}};
  block.outputs = {{"output", "The inputs' sizes without that dimension", false}};
  block.make = make_similarity;
  return block;
}

Block pairwise_distance_block() {
  Block block = common_block();
  block.id = "PairwiseDistance";
  block.torch_name = "nn.PairwiseDistance";
  block.summary = "Tells how far two vectors are apart.";
  block.formula = "y = (Σ |x₁ − x₂ + ε|ᵖ)^(1/p)";
  block.when_to_use = "To compare what two branches say of two inputs.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html";
  block.params = {{.name = "p",
                   .type = ParamType::Real,
                   .fallback = 2.0,
                   .help = "Which norm: 2 is the usual length, 1 adds up the differences.",
                   .usual_min = 1},
                  {.name = "eps",
                   .type = ParamType::Real,
                   .fallback = 1e-6,
                   .help = "Added to each difference, so that equal vectors have a slope.",
                   .usual_min = 0},
                  {.name = "keepdim",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether the dimension of the vectors stays with size 1.",
                   .strict = true}};
  block.outputs = {{"output", "One number for each pair (N)", false}};
  block.make = make_distance;
  return block;
}

}  // namespace nw::nn
