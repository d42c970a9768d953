#include "core/nn/layers/spatial.h"

namespace nw::nn::spatial {

std::string axes(size_t spatial) {
  return spatial == 1 ? "length" : spatial == 2 ? "height and width" : "depth, height and width";
}

std::string capital_axes(size_t spatial) {
  return spatial == 1 ? "Length" : spatial == 2 ? "Height and width" : "Depth, height and width";
}

std::string things(size_t spatial) {
  return spatial == 1 ? "signals" : spatial == 2 ? "images" : "volumes";
}

std::string sizes(size_t spatial) {
  return spatial == 1 ? "L" : spatial == 2 ? "H W" : "D H W";
}

std::string places(size_t spatial) {
  return spatial == 1 ? "i" : spatial == 2 ? "i, j" : "i, j, k";
}

std::string tapped(size_t spatial) {
  std::string text = "s·i + d·u − p";
  if (spatial >= 2) text += ", s·j + d·v − p";
  if (spatial >= 3) text += ", s·k + d·w − p";
  return text;
}

std::string reference(const std::string& name) {
  return "https://pytorch.org/docs/stable/generated/torch.nn." + name + ".html";
}

Block block(std::string_view stem, size_t spatial, std::string_view category,
            std::string_view icon) {
  Block block;
  block.id = concat(stem, spatial, "d");
  block.torch_name = "nn." + block.id;
  block.category = category;
  block.icon = icon;
  block.reference = reference(block.id);
  return block;
}

std::vector<size_t> one_item(size_t spatial) {
  return spatial == 1 ? std::vector<size_t>() : std::vector<size_t>{1};
}

Param kernel_size(size_t spatial, int64_t fallback) {
  return {.name = "kernel_size",
          .type = ParamType::IntTuple,
          .fallback = fallback,
          .help = capital_axes(spatial) + " of the window.",
          .min = 1,
          .arity = spatial,
          .unit = "px",
          .required = true};
}

Param stride(size_t spatial, int64_t fallback) {
  return {.name = "stride",
          .type = ParamType::IntTuple,
          .fallback = fallback,
          .help = "Steps of the window; 2 halves the size.",
          .min = 1,
          .arity = spatial,
          .arities = one_item(spatial),
          .unit = "px"};
}

Param optional_stride(size_t spatial) {
  Param param = stride(spatial, 0);
  param.fallback = None{};
  param.help = "Steps of the window; None: the window's size, so that windows do not overlap.";
  param.optional = true;
  param.empty_is_none = true;
  return param;
}

Param dilation(size_t spatial) {
  return {.name = "dilation",
          .type = ParamType::IntTuple,
          .fallback = int64_t{1},
          .help = "Distance between the points of the window; 1 leaves no gaps.",
          .min = 1,
          .arity = spatial,
          .arities = one_item(spatial),
          .unit = "px"};
}

Param ceil_mode() {
  return {.name = "ceil_mode",
          .type = ParamType::Bool,
          .fallback = false,
          .help = "Whether a window that only starts inside the input counts too.",
          .strict = true};
}

Param return_indices() {
  return {.name = "return_indices",
          .type = ParamType::Bool,
          .fallback = false,
          .help = "Whether the port indices tells where each number came from, for MaxUnpool."};
}

Port indices_port() {
  return {"indices", "Where each number came from, flat within its plane; only with return_indices",
          true};
}

}  // namespace nw::nn::spatial
