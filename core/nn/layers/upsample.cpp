#include "core/nn/layers/upsample.h"

#include "core/nn/layers/spatial.h"

namespace nw::nn {
namespace {

bool interpolates(const std::string& mode) {
  return mode.ends_with("linear") || mode == "bicubic";
}

ops::Interpolation interpolation(const std::string& mode, int64_t rank, std::string_view op) {
  using ops::Interpolation;
  if (mode == "nearest") return Interpolation::Nearest;
  if (mode == "nearest-exact") return Interpolation::NearestExact;
  if (mode == "area") return Interpolation::Area;
  if (mode == "bicubic") return Interpolation::Cubic;
  const int64_t expected = mode == "linear"      ? 3
                           : mode == "bilinear"  ? 4
                           : mode == "trilinear" ? 5
                                                 : 0;
  NW_CHECK(expected > 0, "[", op, "] mode expects 'nearest', 'linear', 'bilinear', 'bicubic', ",
           "'trilinear', 'area' or 'nearest-exact', gets '", mode, "'");
  NW_CHECK(rank == expected, "[", op, "] mode '", mode, "' expects ", expected,
           " dimensions, gets ", rank);
  return Interpolation::Linear;
}

/// `items`, or as many of the only one as there are dimensions.
template <typename T>
SmallVector<T, 3> spread(const std::vector<T>& items, bool is_tuple, int64_t rank,
                         std::string_view op) {
  if (items.empty()) return {};
  const auto spatial = static_cast<size_t>(rank - 2);
  if (!is_tuple) return SmallVector<T, 3>(spatial, items[0]);
  NW_CHECK(items.size() == spatial, "[", op, "] expects sizes or factors for ", spatial,
           " dimensions, gets ", items.size());
  return SmallVector<T, 3>(items.begin(), items.end());
}

template <typename T>
std::string text_of(const std::vector<T>& items, bool is_tuple) {
  return is_tuple ? to_python(items) : to_python(items[0]);
}

}  // namespace

Upsample::Upsample(std::string_view name, const Options& options)
    : name_(name), options_(options) {}

std::string Upsample::extra_repr() const {
  const std::string what =
      options_.scale_factor.empty()
          ? "size=" + (options_.size.empty() ? std::string("None")
                                             : text_of(options_.size, options_.size_is_tuple))
          : "scale_factor=" + text_of(options_.scale_factor, options_.scale_is_tuple);
  return what + ", mode=" + options_.mode;
}

Tensor Upsample::forward(const Tensor& input) {
  const Options& o = options_;
  const int64_t rank = input.dim();
  NW_CHECK(rank >= 3 && rank <= 5, "[", name_,
           "] expects 3 to 5 dimensions (N, C, spatial…), gets ", rank);
  NW_CHECK(o.size.empty() != o.scale_factor.empty(), "[", name_,
           "] expects either size or scale_factor");
  NW_CHECK(interpolates(o.mode) || !o.align_corners, "[", name_, "] align_corners has no meaning ",
           "in mode '", o.mode, "'");
  const bool recompute = o.recompute_scale_factor.value_or(false);
  NW_CHECK(!recompute || o.size.empty(), "[", name_,
           "] recompute_scale_factor has no meaning with a size");
  const ops::Grid grid{.scales = spread(o.scale_factor, o.scale_is_tuple, rank, name_),
                       .sizes = spread(o.size, o.size_is_tuple, rank, name_),
                       .recompute = recompute,
                       .align_corners = o.align_corners.value_or(false)};
  return ops::interpolate(input, grid, interpolation(o.mode, rank, name_));
}

namespace {

Upsample::Options with_mode(Upsample::Options options, std::string mode,
                            std::optional<bool> align) {
  options.mode = std::move(mode);
  options.align_corners = align;
  return options;
}

}  // namespace

UpsamplingNearest2d::UpsamplingNearest2d(Options options)
    : Upsample("UpsamplingNearest2d", with_mode(std::move(options), "nearest", std::nullopt)) {}

UpsamplingBilinear2d::UpsamplingBilinear2d(Options options)
    : Upsample("UpsamplingBilinear2d", with_mode(std::move(options), "bilinear", true)) {}

namespace {

std::optional<bool> flag(const Args& args, std::string_view name) {
  if (args.is_none(name)) return std::nullopt;
  return args.boolean(name);
}

/// torch takes a factor of 0 for none.
bool has_scale(const Args& args) {
  const Value& scale = *args.find("scale_factor");
  return !args.is_none("scale_factor") && scale != Value(0.0);
}

Upsample::Options sizes_of(const Args& args) {
  Upsample::Options options;
  if (!args.is_none("size")) {
    options.size = args.integers("size");
    options.size_is_tuple = !std::holds_alternative<int64_t>(*args.find("size"));
  }
  if (!has_scale(args)) return options;
  const Value& scale = *args.find("scale_factor");
  if (const auto* several = std::get_if<std::vector<double>>(&scale)) {
    options.scale_factor = *several;
    options.scale_is_tuple = true;
  } else {
    options.scale_factor = {args.real("scale_factor")};
  }
  return options;
}

std::unique_ptr<Module> make_upsample(const Args& args) {
  Upsample::Options options = sizes_of(args);
  options.mode = args.text("mode");
  options.align_corners = flag(args, "align_corners");
  options.recompute_scale_factor = flag(args, "recompute_scale_factor");
  return std::make_unique<Upsample>(options);
}

template <typename Layer>
std::unique_ptr<Module> make_fixed(const Args& args) {
  return std::make_unique<Layer>(sizes_of(args));
}

std::string caption(const Args& args) {
  const Upsample::Options options = sizes_of(args);
  if (!options.size.empty()) return "→ " + to_string(options.size);
  std::string text;
  for (double scale : options.scale_factor) {
    std::string number = to_python(scale);
    if (number.ends_with(".0")) number.resize(number.size() - 2);
    text += "×" + number;
  }
  return text;
}

std::string caption_with_mode(const Args& args) {
  return caption(args) + " · " + args.text("mode");
}

bool one_of_both(const Args& args) {
  return args.is_none("size") == has_scale(args);
}

/// size and scale_factor for `arity` dimensions; 0: any number.
std::vector<Param> size_params(size_t arity) {
  return {{.name = "size",
           .type = ParamType::IntTuple,
           .fallback = None{},
           .help = "The size that goes out, one number for all dimensions or one for each; None: "
                   "scale_factor tells.",
           .min = 0,  // mode 'area' makes nothing of something
           .usual_min = 1,
           .arity = arity,
           .unit = "px",
           .optional = true},
          {.name = "scale_factor",
           .type = ParamType::RealTuple,
           .fallback = None{},
           .help = "What the size is multiplied by, one number for all dimensions or one for each; "
                   "None: size tells.",
           .min = 0,
           .arity = arity,
           .optional = true}};
}

Block common(std::string id, size_t arity) {
  Block block;
  block.id = std::move(id);
  block.torch_name = "nn." + block.id;
  block.category = "shape";
  block.icon = "upsample";
  block.reference = spatial::reference(block.id);
  block.params = size_params(arity);
  block.initial = {{"scale_factor", 2.0}};
  block.constraints = {{"either size or scale_factor must be given, not both", one_of_both}};
  block.inputs = {{"input", "Images (N, C, height, width)", false, "N C H W"}};
  block.outputs = {{"output", "The same of the new size", false}};
  block.caption = caption;
  return block;
}

std::string layout_for_mode(const Args& args) {
  const std::string& mode = args.text("mode");
  size_t spatial = mode == "linear" ? 1 : mode == "trilinear" ? 3 : 2;
  const Upsample::Options options = sizes_of(args);
  if (options.size_is_tuple) spatial = options.size.size();
  if (options.scale_is_tuple) spatial = options.scale_factor.size();
  return "N C " + spatial::sizes(std::clamp<size_t>(spatial, 1, 3));
}

}  // namespace

Block upsample_block() {
  Block block = common("Upsample", 0);
  block.common = true;
  block.synonyms = "resize, interpolate, enlarge, scale";
  block.summary = "Makes signals, images or volumes larger (or smaller) by interpolation.";
  block.formula = "y[i] = Σ w(position(i) − k) · x[k],  in each dimension";
  block.when_to_use =
      "In decoders, before a convolution: cheaper than ConvTranspose and free of its checkered "
      "patterns. 'nearest' repeats numbers, the others are smooth.";
  block.params.push_back(
      {.name = "mode",
       .type = ParamType::Choice,
       .fallback = std::string("nearest"),
       .help =
           "How numbers between the given ones are found; 'linear' is for (N, C, L), 'bilinear' "
           "and 'bicubic' for images, 'trilinear' for volumes.",
       .choices = {"nearest", "linear", "bilinear", "bicubic", "trilinear", "area",
                   "nearest-exact"}});
  block.params.push_back({.name = "align_corners",
                          .type = ParamType::Bool,
                          .fallback = None{},
                          .help = "Whether the corners' centres stay in place, and not the outer "
                                  "edges. For the linear and cubic modes only.",
                          .strict = true,
                          .optional = true});
  block.params.push_back({.name = "recompute_scale_factor",
                          .type = ParamType::Bool,
                          .fallback = None{},
                          .help = "Whether the factor that is reckoned with follows from the "
                                  "rounded size. With scale_factor only.",
                          .optional = true});
  block.constraints.push_back(
      {"align_corners is for the modes 'linear', 'bilinear', 'bicubic' and 'trilinear'",
       [](const Args& args) {
         return args.is_none("align_corners") || interpolates(args.text("mode"));
       }});
  block.constraints.push_back(
      {"recompute_scale_factor has no meaning with a size", [](const Args& args) {
         return args.is_none("size") || !flag(args, "recompute_scale_factor").value_or(false);
       }});
  block.inputs[0].layout_of = layout_for_mode;
  block.caption = caption_with_mode;
  block.make = make_upsample;
  return block;
}

Block upsampling_nearest2d_block() {
  Block block = common("UpsamplingNearest2d", 2);
  block.summary = "Makes images larger by repeating numbers.";
  block.formula = "y[i, j] = x[⌊i/scale⌋, ⌊j/scale⌋]";
  block.when_to_use = "As Upsample with mode 'nearest'; kept for older models.";
  block.make = make_fixed<UpsamplingNearest2d>;
  return block;
}

Block upsampling_bilinear2d_block() {
  Block block = common("UpsamplingBilinear2d", 2);
  block.summary = "Makes images larger by straight lines between their numbers, corners in place.";
  block.formula = "y[i, j] = x at (i·(H−1)/(H'−1), j·(W−1)/(W'−1)), linear between places";
  block.when_to_use = "As Upsample with mode 'bilinear' and align_corners; kept for older models.";
  block.make = make_fixed<UpsamplingBilinear2d>;
  return block;
}

}  // namespace nw::nn
