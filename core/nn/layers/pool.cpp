#include "core/nn/layers/pool.h"

namespace nw::nn {
namespace {

ops::Rounding rounding_of(bool ceil_mode) {
  return ceil_mode ? ops::Rounding::Up : ops::Rounding::Down;
}

}  // namespace

MaxPool2d::MaxPool2d(const Options& options)
    : window_{.kernel = options.kernel_size,
              .stride = options.stride.value_or(options.kernel_size),
              .padding = options.padding,
              .dilation = options.dilation},
      rounding_(rounding_of(options.ceil_mode)) {}

Tensor MaxPool2d::forward(const Tensor& input) {
  return ops::max_pool(input, window_, rounding_);
}

AvgPool2d::AvgPool2d(const Options& options)
    : window_{.kernel = options.kernel_size,
              .stride = options.stride.value_or(options.kernel_size),
              .padding = options.padding,
              .dilation = Extents<2>(1)},
      rounding_(rounding_of(options.ceil_mode)),
      mode_{.count_include_pad = options.count_include_pad,
            .divisor_override = options.divisor_override.value_or(0)} {
  NW_CHECK(!options.divisor_override || *options.divisor_override != 0,
           "[AvgPool2d] divisor_override cannot be 0");
}

Tensor AvgPool2d::forward(const Tensor& input) {
  return ops::avg_pool(input, window_, rounding_, mode_);
}

namespace {

std::optional<Extents<2>> stride_of(const Args& args) {
  if (args.is_none("stride")) return std::nullopt;
  return Extents<2>(args.integers("stride", 2));
}

std::unique_ptr<Module> make_max_pool(const Args& args) {
  return std::make_unique<MaxPool2d>(
      MaxPool2d::Options{.kernel_size = args.integers("kernel_size", 2),
                         .stride = stride_of(args),
                         .padding = args.integers("padding", 2),
                         .dilation = args.integers("dilation", 2),
                         .ceil_mode = args.boolean("ceil_mode")});
}

std::unique_ptr<Module> make_avg_pool(const Args& args) {
  std::optional<int64_t> divisor;
  if (!args.is_none("divisor_override")) divisor = args.integer("divisor_override");
  return std::make_unique<AvgPool2d>(
      AvgPool2d::Options{.kernel_size = args.integers("kernel_size", 2),
                         .stride = stride_of(args),
                         .padding = args.integers("padding", 2),
                         .ceil_mode = args.boolean("ceil_mode"),
                         .count_include_pad = args.boolean("count_include_pad"),
                         .divisor_override = divisor});
}

bool padding_fits(const Args& args) {
  const auto kernel = args.integers("kernel_size", 2);
  const auto padding = args.integers("padding", 2);
  return padding[0] <= kernel[0] / 2 && padding[1] <= kernel[1] / 2;
}

std::string caption(const Args& args) {
  const auto kernel = args.integers("kernel_size", 2);
  std::string text = to_string(kernel);
  if (!args.is_none("stride") && args.integers("stride", 2) != kernel) {
    text += " · stride " + brief(args.integers("stride", 2));
  }
  const auto padding = args.integers("padding", 2);
  if (padding != std::vector<int64_t>{0, 0}) text += " · pad " + brief(padding);
  return text;
}

/// kernel_size, stride and padding, which both have.
std::vector<Param> common_params() {
  return {
      {.name = "kernel_size",
       .type = ParamType::IntTuple,
       .fallback = int64_t{2},
       .help = "Height and width of the window.",
       .min = 1,
       .arity = 2,
       .unit = "px",
       .required = true},
      {.name = "stride",
       .type = ParamType::IntTuple,
       .fallback = None{},
       .help = "Steps of the window; None: the window's size, so that windows do not overlap.",
       .min = 1,
       .arity = 2,
       .unit = "px",
       .optional = true},
      {.name = "padding",
       .type = ParamType::IntTuple,
       .fallback = int64_t{0},
       .help = "Added at each side; at most half the window.",
       .min = 0,
       .arity = 2,
       .unit = "px"},
  };
}

Param ceil_mode_param() {
  return {.name = "ceil_mode",
          .type = ParamType::Bool,
          .fallback = false,
          .help = "Whether a window that only starts inside the image counts too."};
}

Block common_block() {
  Block block;
  block.category = "pooling";
  block.params = common_params();
  block.constraints = {{"padding must be at most half of kernel_size", padding_fits}};
  block.inputs = {{"input", "Images (N, C, height, width)", false, "N C H W"}};
  block.outputs = {{"output", "Smaller images (N, C, height, width)", false}};
  block.caption = caption;
  return block;
}

}  // namespace

Block max_pool2d_block() {
  Block block = common_block();
  block.id = "MaxPool2d";
  block.torch_name = "nn.MaxPool2d";
  block.icon = "max_pool2d";
  block.summary = "Keeps the largest number of each window.";
  block.formula = "y[i, j] = max x[s·i + d·u − p, s·j + d·v − p]";
  block.when_to_use =
      "After convolutions, to shrink the image and to forgive small shifts of what is in it.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html";
  block.params.push_back({.name = "dilation",
                          .type = ParamType::IntTuple,
                          .fallback = int64_t{1},
                          .help = "Distance between the points of the window; 1 leaves no gaps.",
                          .min = 1,
                          .arity = 2,
                          .unit = "px"});
  // torch has return_indices before it; a block has one output, so what follows goes by name.
  Param ceil_mode = ceil_mode_param();
  ceil_mode.keyword_only = true;
  block.params.push_back(ceil_mode);
  block.make = make_max_pool;
  return block;
}

Block avg_pool2d_block() {
  Block block = common_block();
  block.id = "AvgPool2d";
  block.torch_name = "nn.AvgPool2d";
  block.icon = "avg_pool2d";
  block.summary = "Keeps the mean of each window.";
  block.formula = "y[i, j] = 1/(k·k) Σ x[s·i + u − p, s·j + v − p]";
  block.when_to_use =
      "To shrink an image smoothly, or to average feature maps before the last Linear.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html";
  block.params.push_back(ceil_mode_param());
  block.params.push_back({.name = "count_include_pad",
                          .type = ParamType::Bool,
                          .fallback = true,
                          .help = "Whether the padding's zeros count in the mean."});
  block.params.push_back({.name = "divisor_override",
                          .type = ParamType::Int,
                          .fallback = None{},
                          .help = "Divides by this number and not by the window's size.",
                          .min = 1,
                          .optional = true});
  block.make = make_avg_pool;
  return block;
}

}  // namespace nw::nn
