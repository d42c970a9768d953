#include "core/nn/layers/conv.h"

namespace nw::nn {
namespace {

bool divides(const Args& args, std::string_view channels) {
  return args.is_none(channels) || args.integer(channels) % args.integer("groups") == 0;
}

bool same_has_stride_1(const Args& args) {
  const auto* word = std::get_if<std::string>(args.find("padding"));
  if (word == nullptr || *word != "same") return true;
  const auto stride = args.integers("stride", 2);
  return stride[0] == 1 && stride[1] == 1;
}

ConvPadding<2> padding_of(const Args& args) {
  if (const auto* word = std::get_if<std::string>(args.find("padding"))) return *word;
  return args.integers("padding", 2);
}

std::unique_ptr<Module> make(const Args& args) {
  // Without a size from the wire any that groups divides will do: forward then tells what is wrong.
  const int64_t channels =
      args.is_none("in_channels") ? args.integer("groups") : args.integer("in_channels");
  return std::make_unique<Conv2d>(Conv2d::Options{.in_channels = channels,
                                                  .out_channels = args.integer("out_channels"),
                                                  .kernel_size = args.integers("kernel_size", 2),
                                                  .stride = args.integers("stride", 2),
                                                  .padding = padding_of(args),
                                                  .dilation = args.integers("dilation", 2),
                                                  .groups = args.integer("groups"),
                                                  .bias = args.boolean("bias"),
                                                  .padding_mode = args.text("padding_mode")});
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("in_channels") && input.size() == 4) args.set("in_channels", input[1]);
}

std::string caption(const Args& args) {
  std::string text =
      args.is_none("in_channels") ? "" : std::to_string(args.integer("in_channels")) + " ";
  text += "→ " + std::to_string(args.integer("out_channels"));
  text += " · " + to_string(args.integers("kernel_size", 2));
  const auto stride = args.integers("stride", 2);
  if (stride != std::vector<int64_t>{1, 1}) text += " · stride " + brief(stride);
  if (const auto* word = std::get_if<std::string>(args.find("padding"))) {
    if (*word == "same") text += " · same";
  } else if (const auto padding = args.integers("padding", 2);
             padding != std::vector<int64_t>{0, 0}) {
    text += " · pad " + brief(padding);
  }
  return text;
}

int64_t multiply_adds(const Args& args, const Dims& input, const Dims& output) {
  const auto kernel = args.integers("kernel_size", 2);
  const int64_t inputs = input[1] / args.integer("groups") * kernel[0] * kernel[1];
  return numel(output) / output.front() * inputs;
}

std::vector<Param> params() {
  return {
      {.name = "in_channels",
       .type = ParamType::Int,
       .help = "Channels that come in: 1 for grey images, 3 for colour.",
       .min = 1,
       .inferred = true,
       .required = true},
      {.name = "out_channels",
       .type = ParamType::Int,
       .fallback = int64_t{16},
       .help = "How many kernels there are; each makes one channel that goes out.",
       .min = 1,
       .required = true},
      {.name = "kernel_size",
       .type = ParamType::IntTuple,
       .fallback = int64_t{3},
       .help = "Height and width of the window that slides over the image.",
       .min = 1,
       .arity = 2,
       .unit = "px",
       .required = true},
      {.name = "stride",
       .type = ParamType::IntTuple,
       .fallback = int64_t{1},
       .help = "Steps of the window; 2 halves the image.",
       .min = 1,
       .arity = 2,
       .unit = "px"},
      {.name = "padding",
       .type = ParamType::IntTuple,
       .fallback = int64_t{0},
       .help = "Added at each side; 'same' keeps the image's size, 'valid' adds nothing.",
       .min = 0,
       .arity = 2,
       .choices = {"valid", "same"},
       .unit = "px"},
      {.name = "dilation",
       .type = ParamType::IntTuple,
       .fallback = int64_t{1},
       .help = "Distance between the points of the window; 1 leaves no gaps.",
       .min = 1,
       .arity = 2,
       .unit = "px"},
      {.name = "groups",
       .type = ParamType::Int,
       .fallback = int64_t{1},
       .help = "Splits the channels into groups that do not see one another.",
       .min = 1},
      {.name = "bias",
       .type = ParamType::Bool,
       .fallback = true,
       .help = "Whether a learnable number is added to each channel that goes out."},
      {.name = "padding_mode",
       .type = ParamType::Choice,
       .fallback = std::string("zeros"),
       .help = "What the padding holds: zeros, the mirrored image, its edge, or its other side.",
       .choices = {"zeros", "reflect", "replicate", "circular"}},
  };
}

}  // namespace

Block conv2d_block() {
  Block block;
  block.id = "Conv2d";
  block.torch_name = "nn.Conv2d";
  block.category = "convolution";
  block.icon = "conv2d";
  block.summary = "Slides small learned kernels over an image and writes how well each fits.";
  block.formula = "y[o, i, j] = b[o] + Σ W[o, c, u, v] · x[c, s·i + d·u − p, s·j + d·v − p]";
  block.when_to_use =
      "To find local patterns in images, wherever they are. Few parameters for large inputs.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html";
  block.params = params();
  block.constraints = {
      {"in_channels must be divisible by groups",
       [](const Args& args) { return divides(args, "in_channels"); }},
      {"out_channels must be divisible by groups",
       [](const Args& args) { return divides(args, "out_channels"); }},
      {"padding 'same' needs stride 1", same_has_stride_1},
  };
  block.inputs = {{"input", "Images (N, in_channels, height, width)", false, "N in_channels H W"}};
  block.outputs = {{"output", "Feature maps (N, out_channels, height, width)", false}};
  block.make = make;
  block.infer = infer;
  block.caption = caption;
  block.multiply_adds = multiply_adds;
  return block;
}

}  // namespace nw::nn
