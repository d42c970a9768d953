#include "core/nn/layers/adaptive_pool.h"

#include "core/nn/layers/spatial.h"
#include "core/ops/pool.h"
#include "core/ops/window.h"

namespace nw::nn {

template <size_t N>
SmallVector<int64_t, 3> AdaptiveSize<N>::output() const {
  SmallVector<int64_t, 3> out;
  for (int64_t size : sizes.items()) out.push_back(size == kNoneItem ? -1 : size);
  return out;
}

template <size_t N>
std::string AdaptiveAvgPool<N>::kind() const {
  return std::string(ops::window_op("AdaptiveAvgPool", N));
}

template <size_t N>
Tensor AdaptiveAvgPool<N>::forward(const Tensor& input) {
  return ops::adaptive_avg_pool(input, size_.output());
}

template <size_t N>
std::string AdaptiveMaxPool<N>::kind() const {
  return std::string(ops::window_op("AdaptiveMaxPool", N));
}

template <size_t N>
Tensors AdaptiveMaxPool<N>::forward(const Tensors& inputs) {
  const auto [y, indices] = ops::adaptive_max_pool(inputs[0], size_.output());
  if (!return_indices_) return {y};
  return {y, indices};
}

template class AdaptiveAvgPool<1>;
template class AdaptiveAvgPool<2>;
template class AdaptiveAvgPool<3>;
template class AdaptiveMaxPool<1>;
template class AdaptiveMaxPool<2>;
template class AdaptiveMaxPool<3>;

namespace {

template <size_t N>
Extents<N> output_size(const Args& args) {
  return extents_of<N>(args, "output_size");
}

template <size_t N>
std::unique_ptr<Module> make_avg(const Args& args) {
  return std::make_unique<AdaptiveAvgPool<N>>(output_size<N>(args));
}

template <size_t N>
std::unique_ptr<Module> make_max(const Args& args) {
  return std::make_unique<AdaptiveMaxPool<N>>(output_size<N>(args), args.boolean("return_indices"));
}

template <size_t N>
std::string caption(const Args& args) {
  std::string text;
  for (int64_t size : output_size<N>(args).items()) {
    text += (text.empty() ? "→ " : "×") + (size == kNoneItem ? "·" : std::to_string(size));
  }
  return text;
}

template <size_t N>
Block adaptive(std::string_view stem) {
  Block block = spatial::block(stem, N, "pooling", "adaptive_pool");
  block.params = {{.name = "output_size",
                   .type = ParamType::IntTuple,
                   .fallback = int64_t{1},
                   .help = concat(spatial::capital_axes(N), " of what goes out",
                                  N == 1 ? "." : "; None keeps the input's."),
                   .min = 0,
                   .usual_min = 1,
                   .arity = N,
                   .none_items = N > 1,
                   .unit = "px",
                   .required = true}};
  block.inputs = {{"input",
                   concat("A batch of ", spatial::things(N), " (N, C, ", spatial::axes(N), ")"),
                   false, "N C " + spatial::sizes(N)}};
  block.outputs = {{"output", "The same of the wanted size (N, C, output_size)", false}};
  block.caption = caption<N>;
  return block;
}

template <size_t N>
Block average() {
  Block block = adaptive<N>("AdaptiveAvgPool");
  block.common = N == 2;
  block.synonyms = "global average pooling, mean";
  block.summary = concat("Averages ", spatial::things(N), " of any size down to a given size.");
  block.formula = "y[i] = mean of x[⌊i·L/o⌋ … ⌈(i+1)·L/o⌉ − 1],  in each dimension";
  block.when_to_use =
      "Before the last Linear, with size 1 or so: then the network takes inputs of any size.";
  block.make = make_avg<N>;
  return block;
}

template <size_t N>
Block largest() {
  Block block = adaptive<N>("AdaptiveMaxPool");
  block.synonyms = "global max pooling";
  block.summary =
      concat("Shrinks ", spatial::things(N), " of any size to a given size, keeping the largest.");
  block.formula = "y[i] = max of x[⌊i·L/o⌋ … ⌈(i+1)·L/o⌉ − 1],  in each dimension";
  block.when_to_use = "As AdaptiveAvgPool, where it counts whether something is there at all.";
  block.params.push_back(spatial::return_indices());
  block.outputs.push_back(spatial::indices_port());
  block.make = make_max<N>;
  return block;
}

}  // namespace

Block adaptive_avg_pool_block(size_t spatial) {
  return spatial == 1 ? average<1>() : spatial == 2 ? average<2>() : average<3>();
}

Block adaptive_max_pool_block(size_t spatial) {
  return spatial == 1 ? largest<1>() : spatial == 2 ? largest<2>() : largest<3>();
}

}  // namespace nw::nn
