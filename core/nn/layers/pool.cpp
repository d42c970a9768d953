#include "core/nn/layers/pool.h"

#include "core/ops/window.h"

namespace nw::nn {
namespace {

ops::Rounding rounding_of(bool ceil_mode) {
  return ceil_mode ? ops::Rounding::Up : ops::Rounding::Down;
}

template <typename Options>
auto stride_of(const Options& options) {
  return options.stride.value_or(options.kernel_size);
}

std::string to_text(bool flag) {
  return flag ? "True" : "False";
}

}  // namespace

template <size_t N>
MaxPool<N>::MaxPool(const Options& options)
    : options_(options),
      window_{.kernel = options.kernel_size,
              .stride = stride_of(options),
              .padding = options.padding,
              .dilation = options.dilation} {}

template <size_t N>
std::string MaxPool<N>::kind() const {
  return std::string(ops::window_op("MaxPool", N));
}

template <size_t N>
std::string MaxPool<N>::extra_repr() const {
  return concat("kernel_size=", options_.kernel_size.text(),
                ", stride=", stride_of(options_).text(), ", padding=", options_.padding.text(),
                ", dilation=", options_.dilation.text(),
                ", ceil_mode=", to_text(options_.ceil_mode));
}

template <size_t N>
Tensors MaxPool<N>::forward(const Tensors& inputs) {
  const ops::Rounding rounding = rounding_of(options_.ceil_mode);
  if (!options_.return_indices) return {ops::max_pool(inputs[0], window_, rounding)};
  const auto [y, indices] = ops::max_pool_with_indices(inputs[0], window_, rounding);
  return {y, indices};
}

template <size_t N>
AvgPool<N>::AvgPool(const Options& options)
    : options_(options),
      window_{.kernel = options.kernel_size,
              .stride = stride_of(options),
              .padding = options.padding,
              .dilation = Extents<N>(1)} {
  NW_CHECK(!options.divisor_override || *options.divisor_override != 0, "[", kind(),
           "] divisor_override cannot be 0");
}

template <size_t N>
std::string AvgPool<N>::kind() const {
  return std::string(ops::window_op("AvgPool", N));
}

template <size_t N>
std::string AvgPool<N>::extra_repr() const {
  // torch makes tuples of what one dimension was given.
  const auto text = [](const Extents<N>& extents) {
    return N == 1 ? extents.tuple_text() : extents.text();
  };
  return concat("kernel_size=", text(options_.kernel_size), ", stride=", text(stride_of(options_)),
                ", padding=", text(options_.padding));
}

template <size_t N>
Tensor AvgPool<N>::forward(const Tensor& input) {
  return ops::avg_pool(input, window_, rounding_of(options_.ceil_mode),
                       {.count_include_pad = options_.count_include_pad,
                        .divisor_override = options_.divisor_override.value_or(0)});
}

template <size_t N>
LPPool<N>::LPPool(const Options& options)
    : options_(options),
      window_{.kernel = options.kernel_size,
              .stride = stride_of(options),
              .padding = Extents<N>(0),
              .dilation = Extents<N>(1)} {}

template <size_t N>
std::string LPPool<N>::kind() const {
  return std::string(ops::window_op("LPPool", N));
}

template <size_t N>
std::string LPPool<N>::extra_repr() const {
  return concat("norm_type=", to_python(options_.norm_type),
                ", kernel_size=", options_.kernel_size.text(),
                ", stride=", options_.stride ? options_.stride->text() : "None",
                ", ceil_mode=", to_text(options_.ceil_mode));
}

template <size_t N>
Tensor LPPool<N>::forward(const Tensor& input) {
  return ops::lp_pool(input, options_.norm_type, window_, rounding_of(options_.ceil_mode));
}

template <size_t N>
MaxUnpool<N>::MaxUnpool(const Options& options)
    : options_(options),
      window_{.kernel = options.kernel_size,
              .stride = stride_of(options),
              .padding = options.padding,
              .dilation = Extents<N>(1)} {}

template <size_t N>
std::string MaxUnpool<N>::kind() const {
  return std::string(ops::window_op("MaxUnpool", N));
}

template <size_t N>
std::string MaxUnpool<N>::extra_repr() const {
  return concat("kernel_size=", options_.kernel_size.tuple_text(),
                ", stride=", stride_of(options_).tuple_text(),
                ", padding=", options_.padding.tuple_text());
}

template <size_t N>
Tensors MaxUnpool<N>::forward(const Tensors& inputs) {
  return {forward(inputs[0], inputs[1], options_.output_size)};
}

template <size_t N>
Tensor MaxUnpool<N>::forward(const Tensor& input, const Tensor& indices,
                             const std::vector<int64_t>& output_size) {
  NW_CHECK(output_size.empty() || output_size.size() == N || output_size.size() == N + 2, "[",
           kind(), "] output_size must have ", N, " or ", N + 2, " sizes, has ",
           output_size.size());
  SmallVector<int64_t, 3> sizes;
  if (!output_size.empty()) sizes.assign(output_size.end() - N, output_size.end());
  return ops::max_unpool(input, indices, window_, sizes);
}

template class MaxPool<1>;
template class MaxPool<2>;
template class MaxPool<3>;
template class AvgPool<1>;
template class AvgPool<2>;
template class AvgPool<3>;
template class LPPool<1>;
template class LPPool<2>;
template class MaxUnpool<1>;
template class MaxUnpool<2>;
template class MaxUnpool<3>;

}  // namespace nw::nn
