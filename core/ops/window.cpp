#include "core/ops/window.h"

#include "core/ops/checks.h"

namespace nw::ops {
namespace {

constexpr std::string_view kAxes[3][3] = {
    {"length", "", ""}, {"height", "width", ""}, {"depth", "height", "width"}};
constexpr std::string_view kLayouts[3] = {"C, L", "C, H, W", "C, D, H, W"};

/// Rounds towards minus infinity.
int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

[[noreturn]] void throw_no_fit(const Window& window, size_t i, int64_t length,
                               std::string_view op) {
  const int64_t kernel = window.kernel[i];
  const int64_t dilation = window.dilation[i];
  const int64_t padding = window.padding[i];
  std::string text = concat("[", op, "] the window's ", dilation * (kernel - 1) + 1);
  if (dilation > 1) text += concat(" (", dilation, "·(", kernel, " − 1) + 1)");
  text += concat(" must fit into the input's ", kAxes[window.kernel.size() - 1][i], " of ",
                 length + 2 * padding);
  if (padding > 0) text += concat(" (", length, " + 2·", padding, ")");
  throw Error(text);
}

void check_entries(const SmallVector<int64_t, 3>& items, size_t spatial, int64_t least,
                   std::string_view what, std::string_view op) {
  NW_CHECK(items.size() == spatial, "[", op, "] expects ", what, " for ", spatial,
           " dimensions, gets ", items.size());
  for (int64_t item : items) {
    NW_CHECK(item >= least, "[", op, "] ", what, " must be at least ", least, ", is ", item);
  }
}

}  // namespace

std::string_view window_op(std::string_view stem, size_t spatial) {
  static constexpr std::string_view kNames[][3] = {
      {"Conv1d", "Conv2d", "Conv3d"},
      {"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"},
      {"MaxPool1d", "MaxPool2d", "MaxPool3d"},
      {"MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"},
      {"AvgPool1d", "AvgPool2d", "AvgPool3d"},
      {"AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"},
      {"AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"},
      {"FractionalMaxPool1d", "FractionalMaxPool2d", "FractionalMaxPool3d"},
      {"LPPool1d", "LPPool2d", "LPPool3d"},
      {"ConstantPad1d", "ConstantPad2d", "ConstantPad3d"},
      {"ZeroPad1d", "ZeroPad2d", "ZeroPad3d"},
      {"ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d"},
      {"ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d"},
      {"LazyConv1d", "LazyConv2d", "LazyConv3d"},
      {"LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d"},
  };
  NW_CHECK(spatial >= 1 && spatial <= 3, "[", stem, "] slides over 1 to 3 dimensions, not ",
           spatial);
  for (const auto& names : kNames) {
    if (names[0].substr(0, names[0].size() - 2) == stem) return names[spatial - 1];
  }
  throw InternalError(concat("[window] no op named ", stem));
}

void check_window(const Window& window, size_t spatial, std::string_view op) {
  check_entries(window.kernel, spatial, 1, "kernel_size", op);
  check_entries(window.stride, spatial, 1, "stride", op);
  check_entries(window.padding, spatial, 0, "padding", op);
  check_entries(window.dilation, spatial, 1, "dilation", op);
}

bool is_unbatched(const Tensor& x, size_t spatial, std::string_view op) {
  const auto rank = static_cast<size_t>(x.dim());
  const std::string_view layout = kLayouts[spatial - 1];
  NW_CHECK(rank == spatial + 1 || rank == spatial + 2, "[", op, "] expects ", spatial + 2,
           " dimensions (N, ", layout, ") or ", spatial + 1, " (", layout, "), gets ", rank, " (",
           batched_text(x.sizes()), ")");
  return rank == spatial + 1;
}

int64_t slid(const Window& window, size_t i, int64_t length, int64_t slack, std::string_view op) {
  const int64_t span = window.dilation[i] * (window.kernel[i] - 1) + 1;
  const int64_t room = length + 2 * window.padding[i] - span;
  const int64_t stride = window.stride[i];
  int64_t out = floor_div(room + slack, stride) + 1;
  // Rounding up must not start a window in the padding behind the input.
  if (slack > 0 && (out - 1) * stride >= length + window.padding[i]) --out;
  if (out < 1) throw_no_fit(window, i, length, op);
  return out;
}

}  // namespace nw::ops
