#include "core/nn/layers/conv.h"

#include "core/nn/init.h"
#include "core/ops/conv.h"
#include "core/ops/window.h"

namespace nw::nn {
namespace {

ops::PadMode pad_mode(const std::string& word, std::string_view op) {
  if (word == "zeros") return ops::PadMode::Zeros;
  if (word == "reflect") return ops::PadMode::Reflect;
  if (word == "replicate") return ops::PadMode::Replicate;
  NW_CHECK(word == "circular", "[", op, "] padding_mode expects 'zeros', 'reflect', 'replicate' ",
           "or 'circular', gets '", word, "'");
  return ops::PadMode::Circular;
}

/// What to add before and after each dimension. An even kernel under 'same' adds one more after.
ops::Pads pads_of(const Window& window, const std::string& word, std::string_view op) {
  NW_CHECK(word.empty() || word == "same" || word == "valid", "[", op, "] padding expects ",
           "integers, 'same' or 'valid', gets '", word, "'");
  ops::Pads pads;
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    int64_t before = window.padding[i];
    int64_t after = before;
    if (word == "valid") before = after = 0;
    if (word == "same") {
      NW_CHECK(window.stride[i] == 1, "[", op, "] padding 'same' needs stride 1, is ",
               window.stride[i]);
      const int64_t total = window.dilation[i] * (window.kernel[i] - 1);
      before = total / 2;
      after = total - before;
    }
    pads.push_back({before, after});
  }
  return pads;
}

bool is_symmetric(const ops::Pads& pads) {
  for (const auto& [before, after] : pads) {
    if (before != after) return false;
  }
  return true;
}

bool all_are(const SmallVector<int64_t, 3>& items, int64_t value) {
  return std::all_of(items.begin(), items.end(), [&](int64_t item) { return item == value; });
}

std::string tuple(const SmallVector<int64_t, 3>& items) {
  return to_python(std::vector<int64_t>(items.begin(), items.end()));
}

void check_groups(int64_t channels, std::string_view what, int64_t groups, std::string_view op) {
  NW_CHECK(channels % groups == 0, "[", op, "] ", what, " (", channels,
           ") must be divisible by groups (", groups, ")");
}

}  // namespace

ConvNd::ConvNd(const Geometry& geometry, std::string_view name, std::string_view lazy_name)
    : geometry_(geometry), name_(name), lazy_name_(lazy_name) {
  const auto& g = geometry_;
  const bool lazy = g.in_channels == kFromInput;
  NW_CHECK((g.in_channels >= 0 || lazy) && g.out_channels >= 1, "[", name,
           "] expects in_channels of at least 0 and out_channels of at least 1, gets ",
           g.in_channels, " and ", g.out_channels);
  NW_CHECK(g.window.groups >= 1, "[", name, "] groups must be at least 1, is ", g.window.groups);
  if (!lazy) check_groups(g.in_channels, "in_channels", g.window.groups, name);
  check_groups(g.out_channels, "out_channels", g.window.groups, name);
  Window checked = g.window;
  // What other modes pad before the convolution may also take away.
  if (g.padding_mode != "zeros") std::fill(checked.padding.begin(), checked.padding.end(), 0);
  ops::check_window(checked, g.window.kernel.size(), name);
  if (lazy) {
    weight_ = register_uninitialized_parameter("weight");
    bias_ =
        g.bias ? register_uninitialized_parameter("bias") : register_parameter("bias", Tensor());
    return;
  }
  weight_ = register_parameter("weight", new_parameter(weight_sizes()));
  bias_ = register_parameter("bias", g.bias ? new_parameter(Dims{g.out_channels}) : Tensor());
  init::linear_(weight_, bias_);
}

Dims ConvNd::weight_sizes() const {
  const auto& g = geometry_;
  Dims sizes = g.transposed ? Dims{g.in_channels, g.out_channels / g.window.groups}
                            : Dims{g.out_channels, g.in_channels / g.window.groups};
  for (int64_t extent : g.window.kernel) sizes.push_back(extent);
  return sizes;
}

void ConvNd::initialize_parameters(const Tensors& inputs) {
  const Tensor& input = inputs[0];
  const bool unbatched = ops::is_unbatched(input, geometry_.window.kernel.size(), lazy_name_);
  geometry_.in_channels = input.sizes()[unbatched ? 0 : 1];
  check_groups(geometry_.in_channels, "in_channels", geometry_.window.groups, lazy_name_);
  materialize(weight_, weight_sizes());
  if (bias_.defined()) materialize(bias_, Dims{geometry_.out_channels});
  init::linear_(weight_, bias_);
}

std::string ConvNd::extra_repr() const {
  const auto& g = geometry_;
  std::string text =
      concat(std::max<int64_t>(g.in_channels, 0), ", ", g.out_channels,
             ", kernel_size=", tuple(g.window.kernel), ", stride=", tuple(g.window.stride));
  if (!g.padding_word.empty()) {
    text += ", padding=" + g.padding_word;
  } else if (!all_are(g.window.padding, 0)) {
    text += ", padding=" + tuple(g.window.padding);
  }
  if (!all_are(g.window.dilation, 1)) text += ", dilation=" + tuple(g.window.dilation);
  if (!all_are(g.output_padding, 0)) text += ", output_padding=" + tuple(g.output_padding);
  if (g.window.groups != 1) text += concat(", groups=", g.window.groups);
  if (!g.bias) text += ", bias=False";
  if (g.padding_mode != "zeros") text += ", padding_mode=" + g.padding_mode;
  return text;
}

template <size_t N>
Conv<N>::Conv(const Options& options)
    : ConvNd({.in_channels = options.in_channels,
              .out_channels = options.out_channels,
              .window = {.kernel = options.kernel_size,
                         .stride = options.stride,
                         .padding = options.padding.extents,
                         .dilation = options.dilation,
                         .groups = options.groups},
              .padding_word = options.padding.word,
              .output_padding = Extents<N>(0),
              .bias = options.bias,
              .padding_mode = options.padding_mode,
              .transposed = false},
             ops::window_op("Conv", N), ops::window_op("LazyConv", N)),
      window_(geometry().window),
      pads_(pads_of(window_, options.padding.word, name())),
      pad_mode_(pad_mode(options.padding_mode, name())) {
  if (pad_mode_ == ops::PadMode::Zeros && is_symmetric(pads_)) {
    for (size_t i = 0; i < N; ++i) window_.padding[i] = pads_[i][0];
    pads_.clear();
  } else {
    window_.padding = Extents<N>(0);
  }
}

template <size_t N>
Tensor Conv<N>::forward(const Tensor& input) {
  if (pads_.empty()) return ops::conv(input, weight(), bias(), window_);
  return ops::conv(ops::pad(input, pads_, pad_mode_, name()), weight(), bias(), window_);
}

template <size_t N>
ConvTranspose<N>::ConvTranspose(const Options& options)
    : ConvNd({.in_channels = options.in_channels,
              .out_channels = options.out_channels,
              .window = {.kernel = options.kernel_size,
                         .stride = options.stride,
                         .padding = options.padding,
                         .dilation = options.dilation,
                         .groups = options.groups},
              .padding_word = {},
              .output_padding = options.output_padding,
              .bias = options.bias,
              .padding_mode = options.padding_mode,
              .transposed = true},
             ops::window_op("ConvTranspose", N), ops::window_op("LazyConvTranspose", N)),
      output_size_(options.output_size) {
  pad_mode(options.padding_mode, name());
}

template <size_t N>
Tensor ConvTranspose<N>::forward(const Tensor& input) {
  return forward(input, output_size_);
}

template <size_t N>
Tensor ConvTranspose<N>::forward(const Tensor& input, const std::vector<int64_t>& output_size) {
  const auto& [in, out, window, word, padding, bias_on, mode, transposed] = geometry();
  NW_CHECK(mode == "zeros", "[", name(), "] takes no padding_mode but 'zeros'");
  if (output_size.empty()) {
    return ops::conv_transpose(input, weight(), bias(), window, padding);
  }
  const size_t lead = ops::is_unbatched(input, N, name()) ? 1 : 2;
  NW_CHECK(output_size.size() == N || output_size.size() == N + lead, "[", name(),
           "] output_size must have ", N, " or ", N + lead, " sizes, has ", output_size.size());
  const size_t skip = output_size.size() - N;
  SmallVector<int64_t, 3> extra;
  for (size_t i = 0; i < N; ++i) {
    const int64_t least = (input.sizes()[lead + i] - 1) * window.stride[i] - 2 * window.padding[i] +
                          window.dilation[i] * (window.kernel[i] - 1) + 1;
    const int64_t wanted = output_size[skip + i];
    NW_CHECK(wanted >= least && wanted < least + window.stride[i], "[", name(),
             "] output_size must be from ", least, " to ", least + window.stride[i] - 1, ", is ",
             wanted);
    extra.push_back(wanted - least);
  }
  return ops::conv_transpose(input, weight(), bias(), window, extra);
}

template class Conv<1>;
template class Conv<2>;
template class Conv<3>;
template class ConvTranspose<1>;
template class ConvTranspose<2>;
template class ConvTranspose<3>;

}  // namespace nw::nn
