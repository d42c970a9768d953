#include "core/nn/layers/pool.h"
#include "core/nn/layers/spatial.h"

namespace nw::nn {
namespace {

template <size_t N>
std::optional<Extents<N>> stride_of(const Args& args) {
  if (args.is_none("stride")) return std::nullopt;
  return extents_of<N>(args, "stride");
}

template <size_t N>
std::unique_ptr<Module> make_max_pool(const Args& args) {
  return std::make_unique<MaxPool<N>>(
      typename MaxPool<N>::Options{.kernel_size = extents_of<N>(args, "kernel_size"),
                                   .stride = stride_of<N>(args),
                                   .padding = extents_of<N>(args, "padding"),
                                   .dilation = extents_of<N>(args, "dilation"),
                                   .return_indices = args.boolean("return_indices"),
                                   .ceil_mode = args.boolean("ceil_mode")});
}

template <size_t N>
std::unique_ptr<Module> make_avg_pool(const Args& args) {
  std::optional<int64_t> divisor;
  if (N > 1 && !args.is_none("divisor_override")) divisor = args.integer("divisor_override");
  return std::make_unique<AvgPool<N>>(
      typename AvgPool<N>::Options{.kernel_size = extents_of<N>(args, "kernel_size"),
                                   .stride = stride_of<N>(args),
                                   .padding = extents_of<N>(args, "padding"),
                                   .ceil_mode = args.boolean("ceil_mode"),
                                   .count_include_pad = args.boolean("count_include_pad"),
                                   .divisor_override = divisor});
}

template <size_t N>
std::unique_ptr<Module> make_lp_pool(const Args& args) {
  return std::make_unique<LPPool<N>>(
      typename LPPool<N>::Options{.norm_type = args.real("norm_type"),
                                  .kernel_size = extents_of<N>(args, "kernel_size"),
                                  .stride = stride_of<N>(args),
                                  .ceil_mode = args.boolean("ceil_mode")});
}

template <size_t N>
std::unique_ptr<Module> make_max_unpool(const Args& args) {
  std::vector<int64_t> output_size;
  if (!args.is_none("output_size")) output_size = args.integers("output_size", N);
  return std::make_unique<MaxUnpool<N>>(
      typename MaxUnpool<N>::Options{.kernel_size = extents_of<N>(args, "kernel_size"),
                                     .stride = stride_of<N>(args),
                                     .padding = extents_of<N>(args, "padding"),
                                     .output_size = output_size});
}

/// Of the input of an unpooling that shall make `output_size`: the sizes that can.
template <size_t N>
std::string unpool_layout(const Args& args) {
  if (args.is_none("output_size")) return "N C " + spatial::sizes(N);
  std::string text = "N C";
  for (size_t i = 0; i < N; ++i) {
    const int64_t kernel = args.integers("kernel_size", N)[i];
    const int64_t stride = args.is_none("stride") ? kernel : args.integers("stride", N)[i];
    const int64_t room =
        args.integers("output_size", N)[i] - kernel + 2 * args.integers("padding", N)[i];
    text += concat(" ", room < 0 || stride < 1 ? 1 : room / stride + 1);
  }
  return text;
}

template <size_t N>
bool padding_fits(const Args& args) {
  const auto kernel = args.integers("kernel_size", N);
  const auto padding = args.integers("padding", N);
  for (size_t i = 0; i < N; ++i) {
    if (padding[i] > kernel[i] / 2) return false;
  }
  return true;
}

template <size_t N>
std::string caption(const Args& args) {
  const auto kernel = args.integers("kernel_size", N);
  std::string text = to_string(kernel);
  if (!args.is_none("stride") && args.integers("stride", N) != kernel) {
    text += " · stride " + brief(args.integers("stride", N));
  }
  if (!args.has("padding")) return text;
  const auto padding = args.integers("padding", N);
  if (padding != std::vector<int64_t>(N, 0)) text += " · pad " + brief(padding);
  return text;
}

Param padding(size_t spatial, std::string help) {
  return {.name = "padding",
          .type = ParamType::IntTuple,
          .fallback = int64_t{0},
          .help = std::move(help),
          .min = 0,
          .arity = spatial,
          .arities = spatial::one_item(spatial),
          .unit = "px"};
}

/// What all blocks that pool windows have.
template <size_t N>
Block pool(std::string_view stem, std::string_view icon) {
  Block block = spatial::block(stem, N, "pooling", icon);
  const std::string things = spatial::things(N);
  block.params = {spatial::kernel_size(N, 2), spatial::optional_stride(N)};
  block.inputs = {{"input", concat("A batch of ", things, " (N, C, ", spatial::axes(N), ")"), false,
                   "N C " + spatial::sizes(N)}};
  block.outputs = {
      {"output", concat("Smaller ", things, " (N, C, ", spatial::axes(N), ")"), false}};
  block.caption = caption<N>;
  return block;
}

template <size_t N>
void add_padding(Block& block) {
  block.params.push_back(padding(N, "Added at each side; at most half the window."));
  block.constraints = {{"padding must be at most half of kernel_size", padding_fits<N>}};
}

template <size_t N>
Block max_pool() {
  Block block = pool<N>("MaxPool", "max_pool2d");
  block.common = N == 2;
  block.synonyms = "maximum pooling, subsampling, downsampling";
  add_padding<N>(block);
  block.params[0].arities = spatial::one_item(N);
  block.summary = "Keeps the largest number of each window.";
  block.formula =
      concat("y[", spatial::places(N), "] = max x[", spatial::tapped(N), "] over the window");
  block.when_to_use = concat("After convolutions, to shrink ", spatial::things(N),
                             " and to forgive small shifts of what is in them.");
  block.params.push_back(spatial::dilation(N));
  block.params.push_back(spatial::return_indices());
  block.params.push_back(spatial::ceil_mode());
  block.outputs.push_back(spatial::indices_port());
  block.make = make_max_pool<N>;
  return block;
}

template <size_t N>
Block avg_pool() {
  Block block = pool<N>("AvgPool", "avg_pool2d");
  block.common = N == 2;
  block.synonyms = "average pooling, mean, subsampling, downsampling";
  add_padding<N>(block);
  block.params[0].arities = spatial::one_item(N);
  block.summary = "Keeps the mean of each window.";
  block.formula = concat("y[", spatial::places(N), "] = Σ x[", spatial::tapped(N),
                         "] / number of places,  d = 1");
  block.when_to_use = concat("To shrink ", spatial::things(N),
                             " smoothly, or to average feature maps before the last Linear.");
  block.params.push_back(spatial::ceil_mode());
  block.params.push_back({.name = "count_include_pad",
                          .type = ParamType::Bool,
                          .fallback = true,
                          .help = "Whether the padding's zeros count in the mean.",
                          .strict = true});
  if (N > 1) {
    block.params.push_back({.name = "divisor_override",
                            .type = ParamType::Int,
                            .fallback = None{},
                            .help = "Divides by this number and not by the window's size.",
                            .usual_min = 1,
                            .optional = true});
    block.constraints.push_back({"divisor_override must not be 0", [](const Args& args) {
                                   return args.is_none("divisor_override") ||
                                          args.integer("divisor_override") != 0;
                                 }});
  }
  block.make = make_avg_pool<N>;
  return block;
}

template <size_t N>
Block lp_pool() {
  Block block = pool<N>("LPPool", "avg_pool2d");
  block.summary = "Keeps the p-norm of each window: between a sum (p = 1) and the largest (p = ∞).";
  block.formula = concat("y[", spatial::places(N), "] = (Σ x[…]ᵖ over the window)^(1/p)");
  block.when_to_use =
      "Where neither the mean nor the largest number tells enough. Choose an even p or inputs that "
      "are not negative: other sums may have no root.";
  block.params.insert(block.params.begin(), {.name = "norm_type",
                                             .type = ParamType::Real,
                                             .fallback = 2.0,
                                             .help = "The power p.",
                                             .usual_min = 0.5,
                                             .required = true});
  if (N == 1) block.params[1].type = ParamType::Int;  // torch multiplies by it
  block.params.push_back(spatial::ceil_mode());
  block.make = make_lp_pool<N>;
  return block;
}

template <size_t N>
Block max_unpool() {
  Block block = pool<N>("MaxUnpool", "max_unpool");
  block.params.push_back(padding(N, "What the pooling had added at each side."));
  // torch only reckons the size with them.
  for (Param& param : block.params) {
    param.usual_min = param.min;
    param.min.reset();
  }
  // torch reads an item for each dimension here.
  for (Param& param : block.params) {
    param.arities.clear();
    param.empty_is_none = false;
  }
  block.summary = "Puts the numbers of a MaxPool back where they came from, among zeros.";
  block.formula = "y[indices[i]] = x[i],  0 elsewhere";
  block.when_to_use =
      "In decoders that mirror an encoder (SegNet): wire it to a MaxPool's indices.";
  block.params.push_back({.name = "output_size",
                          .type = ParamType::IntTuple,
                          .fallback = None{},
                          .help = "The size that is wanted, where the pooling had cut off a rest; "
                                  "None: the smallest.",
                          .min = 1,
                          .arity = N,
                          .unit = "px",
                          .optional = true,
                          .call = true});
  block.inputs.push_back({.name = "indices",
                          .help = "The port indices of the MaxPool, of the input's sizes",
                          .layout = "=",
                          .numbers = PortNumbers::Indices});
  block.inputs[0].layout_of = unpool_layout<N>;
  block.outputs[0].help = concat("Larger ", spatial::things(N), " (N, C, ", spatial::axes(N), ")");
  block.make = make_max_unpool<N>;
  return block;
}

}  // namespace

Block max_pool_block(size_t spatial) {
  return spatial == 1 ? max_pool<1>() : spatial == 2 ? max_pool<2>() : max_pool<3>();
}

Block avg_pool_block(size_t spatial) {
  return spatial == 1 ? avg_pool<1>() : spatial == 2 ? avg_pool<2>() : avg_pool<3>();
}

Block lp_pool_block(size_t spatial) {
  return spatial == 1 ? lp_pool<1>() : lp_pool<2>();
}

Block max_unpool_block(size_t spatial) {
  return spatial == 1 ? max_unpool<1>() : spatial == 2 ? max_unpool<2>() : max_unpool<3>();
}

}  // namespace nw::nn
