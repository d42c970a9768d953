#include "core/nn/layers/conv.h"

#include "core/nn/init.h"
#include "core/ops/conv.h"

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

void check_positive(const SmallVector<int64_t, 3>& items, std::string_view what,
                    std::string_view op) {
  for (int64_t item : items) {
    NW_CHECK(item >= 1, "[", op, "] ", what, " must be at least 1, is ", item);
  }
}

}  // namespace

ConvNd::ConvNd(const Geometry& geometry, std::string_view name)
    : name_(name), window_(geometry.window), pad_mode_(pad_mode(geometry.padding_mode, name)) {
  const auto& [in, out, window, word, mode, bias] = geometry;
  NW_CHECK(in >= 1 && out >= 1, "[", name, "] in_channels and out_channels must be at least 1, ",
           "are ", in, " and ", out);
  NW_CHECK(window.groups >= 1 && in % window.groups == 0 && out % window.groups == 0, "[", name,
           "] in_channels (", in, ") and out_channels (", out, ") must be divisible by groups (",
           window.groups, ")");
  check_positive(window.kernel, "kernel_size", name);
  check_positive(window.stride, "stride", name);
  check_positive(window.dilation, "dilation", name);
  pads_ = pads_of(window, word, name);
  if (pad_mode_ == ops::PadMode::Zeros && is_symmetric(pads_)) {
    for (size_t i = 0; i < pads_.size(); ++i) window_.padding[i] = pads_[i][0];
    pads_.clear();
  } else {
    window_.padding = SmallVector<int64_t, 3>(window.kernel.size(), 0);
  }
  Dims sizes{out, in / window.groups};
  for (int64_t extent : window.kernel) sizes.push_back(extent);
  weight_ = register_parameter("weight", new_parameter(sizes));
  bias_ = register_parameter("bias", bias ? new_parameter(Dims{out}) : Tensor());
  init::linear_(weight_, bias_);
}

Tensor ConvNd::forward(const Tensor& input) {
  if (pads_.empty()) return ops::conv(input, weight_, bias_, window_);
  return ops::conv(ops::pad(input, pads_, pad_mode_, name_), weight_, bias_, window_);
}

Conv2d::Conv2d(const Options& options)
    : ConvNd({.in_channels = options.in_channels,
              .out_channels = options.out_channels,
              .window = {.kernel = options.kernel_size,
                         .stride = options.stride,
                         .padding = options.padding.extents,
                         .dilation = options.dilation,
                         .groups = options.groups},
              .padding_word = options.padding.word,
              .padding_mode = options.padding_mode,
              .bias = options.bias},
             "Conv2d") {}

}  // namespace nw::nn
