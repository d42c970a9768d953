#include "core/nn/layers/instance_norm.h"

#include "core/ops/shape.h"

namespace nw::nn {
namespace {

std::string name_of(int spatial) {
  return concat("InstanceNorm", spatial, "d");
}

}  // namespace

template <int kSpatial>
InstanceNorm<kSpatial>::InstanceNorm(const Options& options)
    : RunningNorm({.num_features = options.num_features,
                   .eps = options.eps,
                   .momentum = options.momentum,
                   .affine = options.affine,
                   .track_running_stats = options.track_running_stats},
                  name_of(kSpatial)) {}

template <int kSpatial>
std::string InstanceNorm<kSpatial>::kind() const {
  return name_of(kSpatial);
}

template <int kSpatial>
Tensor InstanceNorm<kSpatial>::forward(const Tensor& input) {
  const int64_t rank = input.dim();
  NW_CHECK(rank == kSpatial + 1 || rank == kSpatial + 2, "[", kind(), "] expects ", kSpatial + 1,
           " or ", kSpatial + 2, " dimensions, gets ", to_string(input.sizes()));
  if (rank == kSpatial + 2) {
    return ops::instance_norm(input, weight(), bias(), running(), op_options());
  }
  Dims batched = input.sizes();
  batched.insert(0, 1);
  const Tensor y =
      ops::instance_norm(ops::reshape(input, batched), weight(), bias(), running(), op_options());
  return ops::reshape(y, input.sizes());
}

template <int kSpatial>
LazyInstanceNorm<kSpatial>::LazyInstanceNorm(const RunningNorm::Options& options)
    : InstanceNorm<kSpatial>(RunningNorm::FromInput{}, options) {}

template <int kSpatial>
std::string LazyInstanceNorm<kSpatial>::kind() const {
  return (this->is_lazy() ? "Lazy" : "") + name_of(kSpatial);
}

template class InstanceNorm<1>;
template class InstanceNorm<2>;
template class InstanceNorm<3>;
template class LazyInstanceNorm<1>;
template class LazyInstanceNorm<2>;
template class LazyInstanceNorm<3>;

namespace {

template <int kSpatial>
std::unique_ptr<Module> make(const Args& args) {
  const RunningNorm::Options options = running_norm_options(args);
  return std::make_unique<InstanceNorm<kSpatial>>(
      typename InstanceNorm<kSpatial>::Options{.num_features = options.num_features,
                                               .eps = options.eps,
                                               .momentum = args.real("momentum"),
                                               .affine = options.affine,
                                               .track_running_stats = options.track_running_stats});
}

template <int kSpatial>
std::unique_ptr<Module> make_lazy(const Args& args) {
  return std::make_unique<LazyInstanceNorm<kSpatial>>(running_norm_options(args));
}

template <int kSpatial>
void infer(const Dims& input, Args& args) {
  if (args.is_none("num_features") && input.size() == kSpatial + 2) {
    args.set("num_features", input[1]);
  }
}

}  // namespace

Block instance_norm_block(int spatial) {
  Block block;
  block.id = name_of(spatial);
  block.torch_name = "nn." + block.id;
  block.factory = true;
  block.category = "normalisation";
  block.icon = "instance_norm";
  block.summary = "Gives each channel of each sample mean 0 and variance 1.";
  block.formula = "y = (x − E[x]) / √(Var[x] + ε) · γ + β,  E and Var over the positions";
  block.when_to_use = "For style transfer and generated images, where contrast should not count.";
  block.reference = "https://arxiv.org/abs/1607.08022";
  block.params = running_norm_params(false, false);
  for (Param& param : block.params) {
    if (param.name != "momentum") continue;
    param.optional = false;
    param.help = "How much of each batch goes into the running statistics.";
  }
  block.inputs = {{"input",
                   spatial == 1   ? "Sequences (N, num_features, L)"
                   : spatial == 2 ? "Images (N, num_features, height, width)"
                                  : "Volumes (N, num_features, depth, height, width)",
                   false, spatial_layout(spatial, "num_features")}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.make = spatial == 1 ? make<1> : spatial == 2 ? make<2> : make<3>;
  block.infer = spatial == 1 ? infer<1> : spatial == 2 ? infer<2> : infer<3>;
  block.caption = channels_caption;
  return block;
}

Block lazy_instance_norm_block(int spatial) {
  Block block = lazy_norm_block(instance_norm_block(spatial));
  // Its defaults are not the plain layer's, in torch either.
  for (Param& param : block.params) {
    if (param.name == "affine" || param.name == "track_running_stats") param.fallback = true;
  }
  block.make = spatial == 1 ? make_lazy<1> : spatial == 2 ? make_lazy<2> : make_lazy<3>;
  return block;
}

}  // namespace nw::nn
