#include "core/nn/layers/fractional_pool.h"

#include "core/base/random.h"
#include "core/nn/layers/spatial.h"
#include "core/ops/creation.h"
#include "core/ops/pool.h"
#include "core/ops/window.h"

namespace nw::nn {

template <size_t N>
FractionalMaxPool<N>::FractionalMaxPool(const Options& options) : options_(options) {
  NW_CHECK(options.output_size.has_value() != options.output_ratio.has_value(), "[", kind(),
           "] expects either output_size or output_ratio");
  if (!options.output_ratio) return;
  for (double ratio : *options.output_ratio) {
    NW_CHECK(ratio > 0 && ratio < 1, "[", kind(), "] output_ratio must be between 0 and 1, is ",
             ratio);
  }
}

template <size_t N>
std::string FractionalMaxPool<N>::kind() const {
  return std::string(ops::window_op("FractionalMaxPool", N));
}

template <size_t N>
Tensors FractionalMaxPool<N>::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 1, "[", kind(), "] expects one input, gets ", inputs.size());
  const Tensor& x = inputs[0];
  const bool unbatched = ops::is_unbatched(x, N, kind());
  ops::OutputSize output_size;
  for (size_t i = 0; i < N; ++i) {
    const double size =
        static_cast<double>(x.size(static_cast<int64_t>(i) - static_cast<int64_t>(N)));
    output_size.push_back(options_.output_size
                              ? (*options_.output_size)[i]
                              : static_cast<int64_t>(size * (*options_.output_ratio)[i]));
  }
  const int64_t batch = unbatched ? 1 : x.size(0);
  const int64_t channels = x.size(-static_cast<int64_t>(N) - 1);
  const Tensor samples = ops::rand(Dims{batch, channels, static_cast<int64_t>(N)}, x.dtype(),
                                   x.device(), default_generator());
  const auto [y, indices] = ops::fractional_max_pool(x, options_.kernel_size, output_size, samples);
  if (!options_.return_indices) return {y};
  return {y, indices};
}

template class FractionalMaxPool<2>;
template class FractionalMaxPool<3>;

namespace {

template <size_t N>
std::unique_ptr<Module> make(const Args& args) {
  typename FractionalMaxPool<N>::Options options{.kernel_size = extents_of<N>(args, "kernel_size"),
                                                 .return_indices = args.boolean("return_indices")};
  if (!args.is_none("output_size")) options.output_size = extents_of<N>(args, "output_size");
  if (!args.is_none("output_ratio")) {
    const std::vector<double> ratios = args.reals("output_ratio", N);
    options.output_ratio.emplace();
    std::copy(ratios.begin(), ratios.end(), options.output_ratio->begin());
  }
  return std::make_unique<FractionalMaxPool<N>>(options);
}

template <size_t N>
Block fractional_max_pool() {
  Block block = spatial::block("FractionalMaxPool", N, "pooling", "max_pool2d");
  const std::string things = spatial::things(N);
  block.synonyms = "random pooling, stochastic, downsampling";
  block.summary = "Keeps the largest number of windows that chance moves, in any ratio of sizes.";
  block.formula = concat("y[", spatial::places(N),
                         "] = max x over a window that begins where a random row of "
                         "steps says");
  block.when_to_use = concat("To shrink ", things,
                             " by less than half, so that more layers fit in between; chance "
                             "works against overfitting.");
  block.params = {spatial::kernel_size(N, 2),
                  {.name = "output_size",
                   .type = ParamType::IntTuple,
                   .fallback = None{},
                   .help = spatial::capital_axes(N) + " that go out.",
                   .min = 0,
                   .usual_min = 1,
                   .arity = N,
                   .unit = "px",
                   .optional = true},
                  {.name = "output_ratio",
                   .type = ParamType::RealTuple,
                   .fallback = None{},
                   .help = "What part of each size goes out, in place of output_size.",
                   .min = 0,
                   .max = 1,
                   .min_exclusive = true,
                   .max_exclusive = true,
                   .arity = N,
                   .optional = true},
                  spatial::return_indices()};
  block.constraints = {
      {"either output_size or output_ratio must be given, not both", [](const Args& args) {
         return args.is_none("output_size") != args.is_none("output_ratio");
       }}};
  block.inputs = {{"input", concat("A batch of ", things, " (N, C, ", spatial::axes(N), ")"), false,
                   "N C " + spatial::sizes(N)}};
  block.outputs = {{"output", concat("Smaller ", things, " (N, C, ", spatial::axes(N), ")"), false},
                   spatial::indices_port()};
  block.initial = {{"output_ratio", 0.5}};
  block.draws_random = true;
  block.make = make<N>;
  block.caption = [](const Args& args) { return to_string(args.integers("kernel_size", N)); };
  return block;
}

}  // namespace

Block fractional_max_pool_block(size_t spatial) {
  return spatial == 2 ? fractional_max_pool<2>() : fractional_max_pool<3>();
}

}  // namespace nw::nn
