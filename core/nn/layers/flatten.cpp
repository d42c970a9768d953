#include "core/nn/layers/flatten.h"

#include "core/ops/shape.h"

namespace nw::nn {

Tensor Flatten::forward(const Tensor& input) {
  return ops::flatten(input, options_.start_dim, options_.end_dim);
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Flatten>(
      Flatten::Options{.start_dim = args.integer("start_dim"), .end_dim = args.integer("end_dim")});
}

std::string caption(const Args& args) {
  const int64_t start = args.integer("start_dim");
  const int64_t end = args.integer("end_dim");
  return start == 1 && end == -1 ? "" : concat("dims ", start, " … ", end);
}

Param dim_param(const char* name, int64_t fallback, const char* help) {
  return {.name = name,
          .type = ParamType::Int,
          .fallback = fallback,
          .help = help,
          .min = -8,
          .max = 7};
}

}  // namespace

Block flatten_block() {
  Block block;
  block.id = "Flatten";
  block.torch_name = "nn.Flatten";
  block.category = "shape";
  block.icon = "flatten";
  block.summary = "Lays all numbers of a sample in one row.";
  block.formula = "(N, C, H, W) → (N, C·H·W)";
  block.when_to_use = "Between convolutions or pooling and the first Linear layer.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html";
  block.params = {
      dim_param("start_dim", 1, "The first dimension to join; 0 is the batch."),
      dim_param("end_dim", -1, "The last dimension to join; −1 is the last of all."),
  };
  block.inputs = {{"input", "Numbers of any sizes (N, …)", false, "N *"}};
  block.outputs = {{"output", "The same numbers, one row for each sample (N, features)", false}};
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
