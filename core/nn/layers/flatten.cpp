#include "core/nn/layers/flatten.h"

#include <algorithm>

#include "core/ops/shape.h"

namespace nw::nn {

Tensor Flatten::forward(const Tensor& input) {
  return ops::flatten(input, options_.start_dim, options_.end_dim);
}

std::string Flatten::extra_repr() const {
  return concat("start_dim=", options_.start_dim, ", end_dim=", options_.end_dim);
}

Tensor Unflatten::forward(const Tensor& input) {
  return ops::unflatten(input, options_.dim,
                        Dims(options_.unflattened_size.begin(), options_.unflattened_size.end()));
}

std::string Unflatten::extra_repr() const {
  return concat("dim=", options_.dim,
                ", unflattened_size=", to_python(Value(options_.unflattened_size)));
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

/// Sizes whose dimension `dim` is one that can be split so; −1 stands for 2.
std::string unflatten_layout(const Args& args) {
  const int64_t dim = args.integer("dim");
  int64_t size = 1;
  for (int64_t item : args.integers("unflattened_size")) size *= item == -1 ? 2 : item;
  const int64_t rank = std::max<int64_t>({dim + 1, -dim, 2});
  std::string layout;
  for (int64_t i = 0; i < rank; ++i) {
    const bool here = i == (dim < 0 ? dim + rank : dim);
    layout += here ? std::to_string(size) + " " : concat("d", i, " ");
  }
  return layout;
}

bool one_is_open(const Args& args) {
  const auto sizes = args.integers("unflattened_size");
  return std::count(sizes.begin(), sizes.end(), -1) <= 1;
}

}  // namespace

Block unflatten_block() {
  Block block;
  block.synonyms = "reshape, view";
  block.id = "Unflatten";
  block.torch_name = "nn.Unflatten";
  block.category = "shape";
  block.icon = "flatten";
  block.summary = "Splits one dimension into several, the reverse of Flatten.";
  block.formula = "(N, C·H·W) → (N, C, H, W)";
  block.when_to_use = "To make images of the rows that a Linear layer gives, as in a decoder.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Unflatten.html";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "The dimension to split; 0 is the batch, −1 the last.",
                   .min = -8,
                   .max = 7,
                   .required = true},
                  {.name = "unflattened_size",
                   .type = ParamType::IntTuple,
                   .fallback = std::vector<int64_t>{1, -1},
                   .help = "The sizes that it is split into; −1 takes what remains.",
                   .min = -1,
                   .arity = 0,
                   .required = true}};
  block.constraints = {
      {"unflattened_size must be a tuple",
       [](const Args& args) {
         return std::holds_alternative<std::vector<int64_t>>(*args.find("unflattened_size"));
       }},
      {"only one of unflattened_size can be −1", one_is_open}};
  block.inputs = {{"input", "Numbers of any sizes", false, "*"}};
  block.inputs[0].layout_of = unflatten_layout;
  block.outputs = {{"output", "The same numbers, in more dimensions", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Unflatten>(
        Unflatten::Options{args.integer("dim"), args.integers("unflattened_size")});
  };
  block.caption = [](const Args& args) {
    return "→ " + to_python(Value(args.integers("unflattened_size")));
  };
  return block;
}

Block flatten_block() {
  Block block;
  block.common = true;
  block.synonyms = "reshape, view, vector";
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
