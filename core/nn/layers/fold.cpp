#include "core/nn/layers/fold.h"

#include "core/nn/layers/spatial.h"
#include "core/ops/resample.h"

namespace nw::nn {
namespace {

Window window_of(const FoldOptions& options) {
  return {.kernel = options.kernel_size,
          .stride = options.stride,
          .padding = options.padding,
          .dilation = options.dilation};
}

std::string text_of(const FoldOptions& options) {
  return concat("kernel_size=", options.kernel_size.text(), ", dilation=", options.dilation.text(),
                ", padding=", options.padding.text(), ", stride=", options.stride.text());
}

}  // namespace

std::string Unfold::extra_repr() const {
  return text_of(options_);
}

Tensor Unfold::forward(const Tensor& input) {
  return ops::unfold(input, window_of(options_));
}

std::string Fold::extra_repr() const {
  return concat("output_size=", output_size_.text(), ", ", text_of(options_));
}

Tensor Fold::forward(const Tensor& input) {
  return ops::fold(input, output_size_, window_of(options_));
}

Tensor PixelShuffle::forward(const Tensor& input) {
  return ops::pixel_shuffle(input, factor_);
}

Tensor PixelUnshuffle::forward(const Tensor& input) {
  return ops::pixel_unshuffle(input, factor_);
}

Tensor ChannelShuffle::forward(const Tensor& input) {
  return ops::channel_shuffle(input, groups_);
}

namespace {

FoldOptions options_of(const Args& args) {
  return {.kernel_size = extents_of<2>(args, "kernel_size"),
          .dilation = extents_of<2>(args, "dilation"),
          .padding = extents_of<2>(args, "padding"),
          .stride = extents_of<2>(args, "stride")};
}

std::string caption(const Args& args) {
  return to_string(args.integers("kernel_size", 2));
}

/// How many windows of that axis fit into `length`.
int64_t windows(const Args& args, size_t axis, int64_t length) {
  const int64_t span =
      (args.integers("kernel_size", 2)[axis] - 1) * args.integers("dilation", 2)[axis] + 1;
  const int64_t room = length + 2 * args.integers("padding", 2)[axis] - span;
  return room < 0 ? 0 : room / args.integers("stride", 2)[axis] + 1;
}

int64_t fold_windows(const Args& args) {
  const auto size = args.integers("output_size", 2);
  return windows(args, 0, size[0]) * windows(args, 1, size[1]);
}

/// The sizes that Fold takes follow from its arguments, but for a batch of one channel or more.
std::string fold_layout(const Args& args) {
  const auto kernel = args.integers("kernel_size", 2);
  return concat("N ", 2 * kernel[0] * kernel[1], " ", fold_windows(args));
}

std::string pixel_shuffle_layout(const Args& args) {
  const int64_t factor = args.integer("upscale_factor");
  return concat("N ", 2 * factor * factor, " H W");
}

std::string pixel_unshuffle_layout(const Args& args) {
  const int64_t factor = args.integer("downscale_factor");
  return concat("N C ", 2 * factor, " ", 3 * factor);
}

std::string channel_shuffle_layout(const Args& args) {
  return concat("N ", 3 * args.integer("groups"), " H W");
}

/// torch takes one number or two here, no tuple of one.
Param pair_only(Param param) {
  param.arities.clear();
  return param;
}

std::vector<Param> window_params() {
  return {spatial::kernel_size(2, 3),
          pair_only(spatial::dilation(2)),
          {.name = "padding",
           .type = ParamType::IntTuple,
           .fallback = int64_t{0},
           .help = "Zeros added at each side of the image.",
           .min = 0,
           .arity = 2,
           .unit = "px"},
          pair_only(spatial::stride(2, 1))};
}

Block mover(std::string id, std::string_view icon, std::string_view category) {
  Block block;
  block.id = std::move(id);
  block.torch_name = "nn." + block.id;
  block.category = category;
  block.icon = icon;
  block.reference = spatial::reference(block.id);
  block.inputs = {{"input", "Images (N, C, height, width)", false, "N C H W"}};
  return block;
}

Param whole(std::string name, int64_t fallback, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Int,
          .fallback = fallback,
          .help = std::move(help),
          .min = 1,
          .required = true};
}

}  // namespace

Block unfold_block() {
  Block block = mover("Unfold", "unfold", "convolution");
  block.summary = "Writes each window of an image as a column.";
  block.formula = "y[(c, u, v), (i, j)] = x[c, s·i + d·u − p, s·j + d·v − p]";
  block.when_to_use =
      "To work on patches: a Linear over the columns is a convolution, attention "
      "over them a vision transformer.";
  block.params = window_params();
  block.outputs = {{"output", "Columns (N, C·kernel, windows)", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Unfold>(options_of(args));
  };
  block.caption = caption;
  return block;
}

Block fold_block() {
  Block block = mover("Fold", "fold", "convolution");
  block.summary = "Adds overlapping windows, given as columns, up to an image.";
  block.formula = "y[c, s·i + d·u − p, s·j + d·v − p] += x[(c, u, v), (i, j)]";
  block.when_to_use = "After Unfold and work on the patches, to get an image again.";
  block.params = window_params();
  Param output_size = spatial::kernel_size(2, 8);
  output_size.name = "output_size";
  output_size.help = "Height and width of the image.";
  block.params.insert(block.params.begin(), output_size);
  block.constraints = {{"the window must fit into output_size",
                        [](const Args& args) { return fold_windows(args) > 0; }}};
  block.inputs = {{.name = "input",
                   .help = "Columns (N, C·kernel, windows)",
                   .layout = "N C L",
                   .layout_of = fold_layout}};
  block.outputs = {{"output", "Images (N, C, height, width)", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Fold>(extents_of<2>(args, "output_size"), options_of(args));
  };
  block.caption = caption;
  return block;
}

Block pixel_shuffle_block() {
  Block block = mover("PixelShuffle", "pixel_shuffle", "shape");
  block.summary = "Makes images larger by laying channels side by side.";
  block.formula = "y[c, r·i + u, r·j + v] = x[c·r² + r·u + v, i, j]";
  block.when_to_use =
      "At the end of a network for super-resolution: a convolution makes r² channels for each.";
  block.params = {whole("upscale_factor", 2, "How many times larger each side becomes.")};
  block.inputs[0].layout_of = pixel_shuffle_layout;
  block.outputs = {{"output", "Larger images with fewer channels (N, C/r², H·r, W·r)", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<PixelShuffle>(args.integer("upscale_factor"));
  };
  block.caption = [](const Args& args) { return concat("×", args.integer("upscale_factor")); };
  return block;
}

Block pixel_unshuffle_block() {
  Block block = mover("PixelUnshuffle", "pixel_shuffle", "shape");
  block.summary = "Makes images smaller by laying neighbours into channels; nothing is lost.";
  block.formula = "y[c·r² + r·u + v, i, j] = x[c, r·i + u, r·j + v]";
  block.when_to_use = "To trade size for channels before a network, the inverse of PixelShuffle.";
  block.params = {whole("downscale_factor", 2, "How many times smaller each side becomes.")};
  block.inputs[0].layout_of = pixel_unshuffle_layout;
  block.outputs = {{"output", "Smaller images with more channels (N, C·r², H/r, W/r)", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<PixelUnshuffle>(args.integer("downscale_factor"));
  };
  block.caption = [](const Args& args) { return concat("÷", args.integer("downscale_factor")); };
  return block;
}

Block channel_shuffle_block() {
  Block block = mover("ChannelShuffle", "channel_shuffle", "shape");
  block.summary = "Takes the channels of several groups in turns.";
  block.formula = "y[j·g + i] = x[i·C/g + j]";
  block.when_to_use =
      "Between convolutions with groups, so that the groups see one another (ShuffleNet).";
  block.params = {whole("groups", 2, "Into how many groups the channels are divided.")};
  block.inputs[0].layout_of = channel_shuffle_layout;
  block.outputs = {{"output", "The same images, channels in another order", false}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<ChannelShuffle>(args.integer("groups"));
  };
  block.caption = [](const Args& args) { return concat(args.integer("groups"), " groups"); };
  return block;
}

}  // namespace nw::nn
