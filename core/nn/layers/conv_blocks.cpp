#include "core/nn/layers/conv.h"
#include "core/nn/layers/spatial.h"

namespace nw::nn {
namespace {

template <size_t N>
ConvPadding<N> padding_of(const Args& args) {
  if (const auto* word = std::get_if<std::string>(args.find("padding"))) return *word;
  return args.integers("padding", N);
}

/// Without a size from the wire any that groups divides will do: forward then tells what is wrong.
int64_t in_channels_of(const Args& args) {
  if (!args.has("in_channels")) return kFromInput;  // a lazy one
  return args.is_none("in_channels") ? args.integer("groups") : args.integer("in_channels");
}

template <size_t N>
std::unique_ptr<Module> make_conv(const Args& args) {
  return std::make_unique<Conv<N>>(
      typename Conv<N>::Options{.in_channels = in_channels_of(args),
                                .out_channels = args.integer("out_channels"),
                                .kernel_size = extents_of<N>(args, "kernel_size"),
                                .stride = extents_of<N>(args, "stride"),
                                .padding = padding_of<N>(args),
                                .dilation = extents_of<N>(args, "dilation"),
                                .groups = args.integer("groups"),
                                .bias = args.boolean("bias"),
                                .padding_mode = args.text("padding_mode")});
}

template <size_t N>
std::unique_ptr<Module> make_transpose(const Args& args) {
  std::vector<int64_t> output_size;
  if (!args.is_none("output_size")) output_size = args.integers("output_size", N);
  return std::make_unique<ConvTranspose<N>>(
      typename ConvTranspose<N>::Options{.in_channels = in_channels_of(args),
                                         .out_channels = args.integer("out_channels"),
                                         .kernel_size = extents_of<N>(args, "kernel_size"),
                                         .stride = extents_of<N>(args, "stride"),
                                         .padding = extents_of<N>(args, "padding"),
                                         .output_padding = extents_of<N>(args, "output_padding"),
                                         .groups = args.integer("groups"),
                                         .bias = args.boolean("bias"),
                                         .dilation = extents_of<N>(args, "dilation"),
                                         .padding_mode = args.text("padding_mode"),
                                         .output_size = output_size});
}

template <size_t N>
void infer(const Dims& input, Args& args) {
  if (args.is_none("in_channels") && input.size() == N + 2) args.set("in_channels", input[1]);
}

bool divides(const Args& args, std::string_view channels) {
  return args.is_none(channels) || args.integer(channels) % args.integer("groups") == 0;
}

template <size_t N>
bool same_has_stride_1(const Args& args) {
  const auto* word = std::get_if<std::string>(args.find("padding"));
  if (word == nullptr || *word != "same") return true;
  const auto stride = args.integers("stride", N);
  return std::all_of(stride.begin(), stride.end(), [](int64_t step) { return step == 1; });
}

template <size_t N>
bool zeros_are_added(const Args& args) {
  const bool word = std::holds_alternative<std::string>(*args.find("padding"));
  if (word || args.text("padding_mode") != "zeros") return true;
  const auto padding = args.integers("padding", N);
  return std::all_of(padding.begin(), padding.end(), [](int64_t size) { return size >= 0; });
}

template <size_t N>
bool output_padding_fits(const Args& args) {
  const auto extra = args.integers("output_padding", N);
  const auto stride = args.integers("stride", N);
  const auto dilation = args.integers("dilation", N);
  for (size_t i = 0; i < N; ++i) {
    if (extra[i] >= std::max(stride[i], dilation[i])) return false;
  }
  return true;
}

template <size_t N>
std::string caption(const Args& args) {
  const bool known = args.has("in_channels") && !args.is_none("in_channels");
  std::string text = known ? std::to_string(args.integer("in_channels")) + " " : "";
  text += "→ " + std::to_string(args.integer("out_channels"));
  text += " · " + to_string(args.integers("kernel_size", N));
  const auto stride = args.integers("stride", N);
  if (stride != std::vector<int64_t>(N, 1)) text += " · stride " + brief(stride);
  if (const auto* word = std::get_if<std::string>(args.find("padding"))) {
    if (*word == "same") text += " · same";
  } else if (const auto padding = args.integers("padding", N);
             padding != std::vector<int64_t>(N, 0)) {
    text += " · pad " + brief(padding);
  }
  return text;
}

template <size_t N>
int64_t kernel_numel(const Args& args) {
  int64_t size = 1;
  for (int64_t extent : args.integers("kernel_size", N)) size *= extent;
  return size;
}

template <size_t N>
int64_t conv_products(const Args& args, const Dims& input, const Dims& output) {
  return numel(output) / output.front() * (input[1] / args.integer("groups")) *
         kernel_numel<N>(args);
}

template <size_t N>
int64_t transpose_products(const Args& args, const Dims& input, const Dims& output) {
  return numel(input) / input.front() * (output[1] / args.integer("groups")) *
         kernel_numel<N>(args);
}

/// Of the input of a transposed convolution that shall make `output_size`: the sizes that can.
template <size_t N>
std::string transpose_layout(const Args& args) {
  std::string text = args.has("in_channels") ? "N in_channels" : "N C";
  if (args.is_none("output_size")) return text + " " + spatial::sizes(N);
  const auto extents = [&](std::string_view name) { return args.integers(name, N); };
  for (size_t i = 0; i < N; ++i) {
    const int64_t span = extents("dilation")[i] * (extents("kernel_size")[i] - 1) + 1;
    const int64_t room = extents("output_size")[i] + 2 * extents("padding")[i] - span;
    text += concat(" ", room < 0 ? 1 : room / extents("stride")[i] + 1);
  }
  return text;
}

Param in_channels() {
  return {.name = "in_channels",
          .type = ParamType::Int,
          .help = "Channels that come in: 1 for grey images, 3 for colour.",
          .min = 0,
          .usual_min = 1,
          .inferred = true,
          .required = true};
}

Param out_channels() {
  return {.name = "out_channels",
          .type = ParamType::Int,
          .fallback = int64_t{16},
          .help = "How many kernels there are; each makes one channel that goes out.",
          .min = 1,
          .required = true};
}

Param groups() {
  return {.name = "groups",
          .type = ParamType::Int,
          .fallback = int64_t{1},
          .help = "Splits the channels into groups that do not see one another.",
          .min = 1};
}

Param bias() {
  return {.name = "bias",
          .type = ParamType::Bool,
          .fallback = true,
          .help = "Whether a learnable number is added to each channel that goes out."};
}

Param padding(size_t spatial, std::string help, std::vector<std::string> words) {
  return {.name = "padding",
          .type = ParamType::IntTuple,
          .fallback = int64_t{0},
          .help = std::move(help),
          .min = 0,
          .arity = spatial,
          .arities = spatial::one_item(spatial),
          .choices = std::move(words),
          .unit = "px"};
}

/// That of a plain convolution, which modes other than zeros also let take away.
Param window_padding(size_t spatial) {
  Param param =
      padding(spatial, "Added at each side; 'same' keeps the input's size, 'valid' adds nothing.",
              {"valid", "same"});
  param.min.reset();
  param.usual_min = 0;
  return param;
}

Param padding_mode(std::string help, std::vector<std::string> choices) {
  return {.name = "padding_mode",
          .type = ParamType::Choice,
          .fallback = std::string("zeros"),
          .help = std::move(help),
          .choices = std::move(choices)};
}

std::vector<Param> conv_params(size_t spatial) {
  return {out_channels(),
          spatial::kernel_size(spatial, 3),
          spatial::stride(spatial, 1),
          window_padding(spatial),
          spatial::dilation(spatial),
          groups(),
          bias(),
          padding_mode("What the padding holds: zeros, the mirrored input, its edge, or its other "
                       "side.",
                       {"zeros", "reflect", "replicate", "circular"})};
}

std::vector<Param> transpose_params(size_t spatial) {
  Param stride = spatial::stride(spatial, 1);
  stride.help = "Steps in the output from one input element to the next; 2 doubles the size.";
  return {
      out_channels(),
      spatial::kernel_size(spatial, 3),
      stride,
      padding(spatial, "Taken away at each side of the output.", {}),
      {.name = "output_padding",
       .type = ParamType::IntTuple,
       .fallback = int64_t{0},
       .help = "Added to the size at the far side; less than stride or dilation. Tells which of "
               "the sizes that stride maps to the input's is meant.",
       .min = 0,
       .arity = spatial,
       .arities = spatial::one_item(spatial),
       .unit = "px"},
      groups(),
      bias(),
      spatial::dilation(spatial),
      padding_mode("What lies around the output: zeros only.", {"zeros"}),
      {.name = "output_size",
       .type = ParamType::IntTuple,
       .fallback = None{},
       .help = "The size that is wanted, in the place of output_padding; None: output_padding "
               "tells.",
       .min = 1,
       .arity = spatial,
       .unit = "px",
       .optional = true,
       .call = true}};
}

constexpr const char* kGroupsOut = "out_channels must be divisible by groups";
bool groups_divide_out(const Args& args) {
  return divides(args, "out_channels");
}

void add_in_channels(Block& block, size_t spatial) {
  block.params.insert(block.params.begin(), in_channels());
  block.constraints.insert(block.constraints.begin(),
                           {"in_channels must be divisible by groups",
                            [](const Args& args) { return divides(args, "in_channels"); }});
  block.inputs[0].layout = "N in_channels " + spatial::sizes(spatial);
  block.inputs[0].help = concat("A batch of ", spatial::things(spatial), " (N, in_channels, ",
                                spatial::axes(spatial), ")");
}

/// What a convolution has with and without in_channels.
template <size_t N>
Block common_conv(std::string_view stem) {
  Block block = spatial::block(stem, N, "convolution", "conv2d");
  block.synonyms = "convolution, filter, kernel, depthwise";
  block.factory = true;
  block.summary = concat("Slides small learned kernels over ", spatial::things(N),
                         " and writes how well each fits.");
  block.formula = concat("y[o, ", spatial::places(N), "] = b[o] + Σ W[o, c, …] · x[c, ",
                         spatial::tapped(N), "]");
  block.params = conv_params(N);
  block.constraints = {
      {kGroupsOut, groups_divide_out},
      {"padding 'same' needs stride 1", same_has_stride_1<N>},
      {"padding must be at least 0 where padding_mode is 'zeros'", zeros_are_added<N>}};
  block.outputs = {
      {"output", concat("Feature maps (N, out_channels, ", spatial::axes(N), ")"), false}};
  block.make = make_conv<N>;
  block.caption = caption<N>;
  block.multiply_adds = conv_products<N>;
  return block;
}

template <size_t N>
Block common_transpose(std::string_view stem) {
  Block block = spatial::block(stem, N, "convolution", "conv_transpose");
  block.synonyms = "deconvolution, upconvolution, upsampling";
  block.factory = true;
  block.summary = "Spreads each number over a window by learned kernels: a convolution backwards.";
  block.formula = concat("y[o, ", spatial::tapped(N), "] += W[c, o, …] · x[c, ", spatial::places(N),
                         "],  then + b[o]");
  block.params = transpose_params(N);
  block.constraints = {
      {kGroupsOut, groups_divide_out},
      {"output_padding must be less than stride or dilation", output_padding_fits<N>}};
  block.outputs = {
      {"output", concat("Larger feature maps (N, out_channels, ", spatial::axes(N), ")"), false}};
  block.make = make_transpose<N>;
  block.caption = caption<N>;
  block.multiply_adds = transpose_products<N>;
  return block;
}

constexpr const char* kConvUse[] = {
    "To find local patterns in sequences and signals, wherever they are.",
    "To find local patterns in images, wherever they are. Few parameters for large inputs.",
    "To find local patterns in volumes or videos, wherever they are. Costs much memory and time."};
constexpr const char* kTransposeUse =
    "In decoders and generators, to make small feature maps large again with learned weights.";
constexpr const char* kLazyUse =
    "Where a script shall not name the channels that come in. In a drawing the plain block does "
    "the "
    "same: it takes them from the wire.";

template <size_t N>
Block lazy(Block block, std::string (*layout_of)(const Args&) = nullptr) {
  block.when_to_use = kLazyUse;
  block.inputs = {{"input",
                   concat("A batch of ", spatial::things(N), " (N, C, ", spatial::axes(N), ")"),
                   false, "N C " + spatial::sizes(N)}};
  block.inputs[0].layout_of = layout_of;
  return block;
}

template <size_t N>
Block conv() {
  Block block = common_conv<N>("Conv");
  block.common = N == 2;
  add_in_channels(block, N);
  block.when_to_use = kConvUse[N - 1];
  block.infer = infer<N>;
  return block;
}

template <size_t N>
Block transpose() {
  Block block = common_transpose<N>("ConvTranspose");
  block.common = N == 2;
  add_in_channels(block, N);
  block.when_to_use = kTransposeUse;
  block.inputs[0].layout_of = transpose_layout<N>;
  block.infer = infer<N>;
  return block;
}

}  // namespace

Block conv_block(size_t spatial) {
  return spatial == 1 ? conv<1>() : spatial == 2 ? conv<2>() : conv<3>();
}

Block conv_transpose_block(size_t spatial) {
  return spatial == 1 ? transpose<1>() : spatial == 2 ? transpose<2>() : transpose<3>();
}

Block lazy_conv_block(size_t spatial) {
  return spatial == 1   ? lazy<1>(common_conv<1>("LazyConv"))
         : spatial == 2 ? lazy<2>(common_conv<2>("LazyConv"))
                        : lazy<3>(common_conv<3>("LazyConv"));
}

Block lazy_conv_transpose_block(size_t spatial) {
  return spatial == 1   ? lazy<1>(common_transpose<1>("LazyConvTranspose"), transpose_layout<1>)
         : spatial == 2 ? lazy<2>(common_transpose<2>("LazyConvTranspose"), transpose_layout<2>)
                        : lazy<3>(common_transpose<3>("LazyConvTranspose"), transpose_layout<3>);
}

}  // namespace nw::nn
