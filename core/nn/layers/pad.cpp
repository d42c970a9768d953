#include "core/nn/layers/pad.h"

#include "core/nn/layers/spatial.h"
#include "core/ops/window.h"

namespace nw::nn {

template <size_t N>
std::string PadNd<N>::kind() const {
  return std::string(ops::window_op(stem_, N));
}

template <size_t N>
Tensor PadNd<N>::forward(const Tensor& input) {
  ops::Pads pads;
  for (size_t i = padding_.size() / 2; i-- > 0;)
    pads.push_back({padding_[2 * i], padding_[2 * i + 1]});
  return ops::pad(input, pads, mode_, ops::window_op(stem_, N), value_);
}

template <size_t N>
std::string ConstantPad<N>::extra_repr() const {
  const Value value = has_value_ ? Value(this->value()) : Value(None{});
  return concat("padding=", to_python(this->padding()), ", value=", to_python(value));
}

template class PadNd<1>;
template class PadNd<2>;
template class PadNd<3>;
template class ConstantPad<1>;
template class ConstantPad<2>;
template class ConstantPad<3>;

namespace {

template <size_t N>
Sides<N> sides(const Args& args) {
  if (const auto* all = std::get_if<int64_t>(args.find("padding"))) return *all;
  return args.integers("padding");
}

template <size_t N>
std::unique_ptr<Module> make_constant(const Args& args) {
  std::optional<double> value;
  if (!args.is_none("value")) value = args.real("value");
  return std::make_unique<ConstantPad<N>>(sides<N>(args), value);
}

template <typename Layer, size_t N>
std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<Layer>(sides<N>(args));
}

template <size_t N>
std::string caption(const Args& args) {
  return brief(sides<N>(args).items());
}

/// How many numbers a padding of N dimensions may have besides 2 N: those of one to
/// `most` dimensions.
std::vector<size_t> other_sides(size_t spatial, size_t most) {
  std::vector<size_t> counts;
  for (size_t dims = 1; dims <= most; ++dims) {
    if (dims != spatial) counts.push_back(2 * dims);
  }
  return counts;
}

/// What all paddings have; `front` names the dimensions that stand before the padded ones, `most`
/// says how many can be padded.
template <size_t N>
Block padding(std::string_view stem, const std::string& front, size_t most) {
  Block block = spatial::block(stem, N, "shape", "pad");
  constexpr const char* kSides[] = {"before and after", "left, right, above and below",
                                    "left, right, above, below, in front and behind"};
  block.params = {
      {.name = "padding",
       .type = ParamType::IntTuple,
       .fallback = int64_t{1},
       .help = concat("Added ", kSides[N - 1], "; one number for all sides; below 0 takes away."),
       .min = -1000000,
       .arity = 2 * N,
       .arities = other_sides(N, most),
       .unit = "px",
       .required = true}};
  const std::string things = spatial::things(N);
  block.inputs = {{"input", concat("A batch of ", things, " (", "N, C, ", spatial::axes(N), ")"),
                   false, front + spatial::sizes(N)}};
  block.outputs = {{"output", concat("Larger ", things), false}};
  block.caption = caption<N>;
  return block;
}

template <size_t N>
Block constant() {
  Block block = padding<N>("ConstantPad", "N C ", N + 2);
  block.summary = concat("Surrounds ", spatial::things(N), " with one number.");
  block.formula = "y[i] = x[i − before] inside, value outside";
  block.when_to_use =
      "To make sizes fit what follows, where the surroundings shall be something other than 0.";
  block.params.push_back({.name = "value",
                          .type = ParamType::Real,
                          .fallback = 0.0,
                          .help = "What the padding holds; None: 0.",
                          .optional = true,
                          .required = true});
  block.make = make_constant<N>;
  return block;
}

template <size_t N>
Block reflection() {
  Block block = padding<N>("ReflectionPad", "N C ", 3);
  block.summary = concat("Surrounds ", spatial::things(N), " with their own mirror image.");
  block.formula = "1 2 3 4 padded by 2: 3 2 | 1 2 3 4 | 3 2";
  block.when_to_use =
      "Before a convolution of natural pictures, to have no dark border. Each "
      "padding must be smaller than the size.";
  block.params[0].min.reset();
  block.make = make<ReflectionPad<N>, N>;
  return block;
}

template <size_t N>
Block replication() {
  Block block = padding<N>("ReplicationPad", "N C ", 3);
  block.summary = concat("Surrounds ", spatial::things(N), " with copies of their edge.");
  block.formula = "1 2 3 4 padded by 2: 1 1 | 1 2 3 4 | 4 4";
  block.when_to_use = "Before a convolution, where zeros would look like an edge.";
  block.make = make<ReplicationPad<N>, N>;
  return block;
}

}  // namespace

Block constant_pad_block(size_t spatial) {
  return spatial == 1 ? constant<1>() : spatial == 2 ? constant<2>() : constant<3>();
}

Block zero_pad_block() {
  Block block = padding<2>("ZeroPad", "N C ", 4);
  block.summary = "Surrounds images with zeros.";
  block.formula = "y[i, j] = x[i − above, j − left] inside, 0 outside";
  block.when_to_use =
      "To make sizes fit what follows, or to pad the sides differently, which a "
      "convolution's own padding cannot.";
  block.make = make<ZeroPad<2>, 2>;
  return block;
}

Block reflection_pad_block(size_t spatial) {
  return spatial == 1 ? reflection<1>() : spatial == 2 ? reflection<2>() : reflection<3>();
}

Block replication_pad_block(size_t spatial) {
  return spatial == 1 ? replication<1>() : spatial == 2 ? replication<2>() : replication<3>();
}

}  // namespace nw::nn
