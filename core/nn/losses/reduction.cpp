#include "core/nn/losses/reduction.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"

namespace nw::nn {

ops::Reduction reduction_from_text(std::string_view text, std::string_view op) {
  if (text == "none") return ops::Reduction::None;
  if (text == "sum") return ops::Reduction::Sum;
  NW_CHECK(text == "mean", "[", op, "] reduction expects 'none', 'mean' or 'sum', gets '", text,
           "'");
  return ops::Reduction::Mean;
}

Param reduction_param() {
  return {.name = "reduction",
          .type = ParamType::Choice,
          .fallback = std::string("mean"),
          .help =
              "What becomes of the losses of a batch: their mean, their sum, or none. Training "
              "needs one number: mean or sum.",
          .choices = {"none", "mean", "sum"},
          .keyword_only = true};
}

Param numbers_param(std::string name, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Text,
          .fallback = None{},
          .help = std::move(help),
          .optional = true,
          .real_list = true};
}

std::vector<double> numbers_of(const Args& args, std::string_view name) {
  return args.is_none(name) ? std::vector<double>() : real_list(args.text(name));
}

Block loss_block() {
  Block block;
  block.category = "loss";
  block.icon = "loss";
  block.role = Role::Loss;
  block.inputs = {
      {"input", "What the network answers", false, "N *"},
      {"target", "What it should answer; unwired: the data set's target", true, "="},
  };
  block.outputs = {};
  return block;
}

void set_target(Block& block, PortNumbers numbers, std::string help) {
  Port& target = block.inputs.back();
  target.numbers = numbers;
  target.help = std::move(help) + "; unwired: the data set's target";
}

void Loss::expect_inputs(const Tensors& inputs, size_t count) const {
  bool complete = inputs.size() == count;
  for (const Tensor& input : inputs) complete = complete && input.defined();
  NW_CHECK(complete, "[", kind_, "] expects ", count, " tensors, gets ", inputs.size());
}

Tensor Loss::register_numbers(std::string name, const std::vector<double>& numbers) {
  if (numbers.empty()) return register_buffer(std::move(name), {});
  const Dims sizes{static_cast<int64_t>(numbers.size())};
  const Tensor tensor = new_parameter(sizes);
  raw::copy_(tensor, raw::to(tensor_of<double>(numbers, sizes), tensor.device()));
  return register_buffer(std::move(name), tensor);
}

}  // namespace nw::nn
