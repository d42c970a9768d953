#include "core/nn/layers/batch_norm.h"

namespace nw::nn {
namespace {

std::string name_of(int spatial) {
  return concat("BatchNorm", spatial, "d");
}

}  // namespace

template <int kSpatial>
BatchNorm<kSpatial>::BatchNorm(const Options& options) : RunningNorm(options, name_of(kSpatial)) {}

template <int kSpatial>
std::string BatchNorm<kSpatial>::kind() const {
  return name_of(kSpatial);
}

template <int kSpatial>
Tensor BatchNorm<kSpatial>::forward(const Tensor& input) {
  const int64_t rank = input.dim();
  const bool fits = rank == kSpatial + 2 || (kSpatial == 1 && rank == 2);
  NW_CHECK(fits, "[", kind(), "] expects ", kSpatial == 1 ? "2 or 3" : concat(kSpatial + 2),
           " dimensions, gets ", to_string(input.sizes()));
  return ops::batch_norm(input, weight(), bias(), running(), op_options());
}

template <int kSpatial>
LazyBatchNorm<kSpatial>::LazyBatchNorm(const RunningNorm::Options& options)
    : BatchNorm<kSpatial>(RunningNorm::FromInput{}, options) {}

template <int kSpatial>
std::string LazyBatchNorm<kSpatial>::kind() const {
  return (this->is_lazy() ? "Lazy" : "") + name_of(kSpatial);
}

template class BatchNorm<1>;
template class BatchNorm<2>;
template class BatchNorm<3>;
template class LazyBatchNorm<1>;
template class LazyBatchNorm<2>;
template class LazyBatchNorm<3>;

namespace {

template <int kSpatial>
std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<BatchNorm<kSpatial>>(running_norm_options(args));
}

template <int kSpatial>
std::unique_ptr<Module> make_lazy(const Args& args) {
  return std::make_unique<LazyBatchNorm<kSpatial>>(running_norm_options(args));
}

template <int kSpatial>
void infer(const Dims& input, Args& args) {
  const bool fits = input.size() == kSpatial + 2 || (kSpatial == 1 && input.size() == 2);
  if (args.is_none("num_features") && fits) args.set("num_features", input[1]);
}

}  // namespace

Block batch_norm_block(int spatial) {
  Block block;
  block.id = name_of(spatial);
  block.torch_name = "nn." + block.id;
  block.factory = true;
  block.category = "normalisation";
  block.icon = "batch_norm";
  block.common = spatial == 2;
  block.synonyms = "batch normalization, batchnorm, bn";
  block.summary = "Gives each channel mean 0 and variance 1 over the batch.";
  block.formula = "y = (x − E[x]) / √(Var[x] + ε) · γ + β,  E and Var over batch and positions";
  block.when_to_use = spatial == 1
                          ? "Between Linear or 1-d convolution and activation: training is faster "
                            "and steadier. Needs batches of more than one sample."
                          : "Between convolution and activation: training is faster and steadier, "
                            "and the convolution needs no bias. Small batches make it noisy.";
  block.reference = "https://arxiv.org/abs/1502.03167";
  block.params = running_norm_params(true, true);
  block.inputs = {{"input",
                   spatial == 1   ? "Features (N, num_features) or sequences (N, num_features, L)"
                   : spatial == 2 ? "Images (N, num_features, height, width)"
                                  : "Volumes (N, num_features, depth, height, width)",
                   false,
                   spatial == 1 ? "N num_features" : spatial_layout(spatial, "num_features")}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.make = spatial == 1 ? make<1> : spatial == 2 ? make<2> : make<3>;
  block.infer = spatial == 1 ? infer<1> : spatial == 2 ? infer<2> : infer<3>;
  block.caption = channels_caption;
  return block;
}

Block lazy_batch_norm_block(int spatial) {
  Block block = lazy_norm_block(batch_norm_block(spatial));
  block.make = spatial == 1 ? make_lazy<1> : spatial == 2 ? make_lazy<2> : make_lazy<3>;
  return block;
}

}  // namespace nw::nn
