#include "core/nn/layers/norm_base.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"

namespace nw::nn {
namespace {

Tensor filled_parameter(int64_t size, double value) {
  const Tensor out = new_parameter(Dims{size});
  raw::fill_(out, value);
  return out;
}

}  // namespace

RunningNorm::RunningNorm(const Options& options, std::string_view op) : options_(options) {
  const int64_t features = options.num_features;
  const bool counts = options.affine || options.track_running_stats;
  NW_CHECK(features >= 0 || !counts, "[", op, "] num_features cannot be negative, is ", features);
  weight_ = register_parameter("weight", options.affine ? filled_parameter(features, 1) : Tensor());
  bias_ = register_parameter("bias", options.affine ? filled_parameter(features, 0) : Tensor());
  if (options.track_running_stats) {
    running_ = {filled_parameter(features, 0), filled_parameter(features, 1),
                zeros({}, DType::Int64)};
  }
  register_buffer("running_mean", running_.mean);
  register_buffer("running_var", running_.variance);
  register_buffer("num_batches_tracked", running_.batches);
}

RunningNorm::RunningNorm(FromInput, const Options& options) : options_(options) {
  options_.num_features = 0;
  set_lazy();
  const auto parameter = [&](const char* name) {
    return options.affine ? register_uninitialized_parameter(name)
                          : register_parameter(name, Tensor());
  };
  weight_ = parameter("weight");
  bias_ = parameter("bias");
  const auto statistic = [&](const char* name) {
    return options.track_running_stats ? register_uninitialized_buffer(name)
                                       : register_buffer(name, Tensor());
  };
  running_.mean = statistic("running_mean");
  running_.variance = statistic("running_var");
  if (options.track_running_stats) running_.batches = zeros({}, DType::Int64);
  register_buffer("num_batches_tracked", running_.batches);
}

void RunningNorm::initialize_parameters(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 1 && inputs[0].dim() >= 2, "[", kind(),
           "] expects one input of at least 2 dimensions");
  options_.num_features = inputs[0].size(1);
  const auto fill_in = [&](const Tensor& tensor, double value) {
    if (!tensor.defined()) return;
    materialize(tensor, Dims{options_.num_features});
    raw::fill_(tensor, value);
  };
  fill_in(weight_, 1);
  fill_in(bias_, 0);
  fill_in(running_.mean, 0);
  fill_in(running_.variance, 1);
}

std::string RunningNorm::extra_repr() const {
  const auto flag = [](bool on) { return on ? "True" : "False"; };
  const std::string momentum = options_.momentum ? to_python(*options_.momentum) : "None";
  return concat(options_.num_features, ", eps=", to_python(options_.eps), ", momentum=", momentum,
                ", affine=", flag(options_.affine),
                ", track_running_stats=", flag(options_.track_running_stats));
}

Tensor RunningNorm::state_default(std::string_view key, int version) const {
  // States were written without it until version 2.
  const bool counts = key == "num_batches_tracked" && version < 2;
  return counts ? zeros({}, DType::Int64) : Tensor();
}

ops::BatchNormOptions RunningNorm::op_options() const {
  return {.training = training() || !options_.track_running_stats,
          .momentum = options_.momentum,
          .eps = options_.eps};
}

Param eps_param() {
  return {.name = "eps",
          .type = ParamType::Real,
          .fallback = 1e-5,
          .help = "Added to the variance, so that a constant input does not divide by 0.",
          .usual_min = 0};
}

Param affine_param(std::string name, bool fallback) {
  return {.name = std::move(name),
          .type = ParamType::Bool,
          .fallback = fallback,
          .help = "Whether a learnable weight and bias follow, so that any scale can come back."};
}

std::vector<Param> running_norm_params(bool affine, bool track_running_stats) {
  return {
      {.name = "num_features",
       .type = ParamType::Int,
       .help = "Channels that come in: the size of the input's dimension C.",
       .usual_min = 1,
       .inferred = true,
       .required = true,
       .unread =
           [](const Args& args) {
             return !args.boolean("affine") && !args.boolean("track_running_stats");
           }},
      eps_param(),
      {.name = "momentum",
       .type = ParamType::Real,
       .fallback = 0.1,
       .help = "How much of each batch goes into the running statistics; None: all batches count "
               "alike.",
       .usual_min = 0,
       .usual_max = 1,
       .optional = true},
      affine_param("affine", affine),
      {.name = "track_running_stats",
       .type = ParamType::Bool,
       .fallback = track_running_stats,
       .help = "Whether evaluation goes by the statistics that were gathered in training."},
  };
}

RunningNorm::Options running_norm_options(const Args& args) {
  std::optional<double> momentum;
  if (!args.is_none("momentum")) momentum = args.real("momentum");
  // Without a size from the wire any will do: forward then tells what is wrong with the input.
  const bool known = args.has("num_features") && !args.is_none("num_features");
  return {.num_features = known ? args.integer("num_features") : 1,
          .eps = args.real("eps"),
          .momentum = momentum,
          .affine = args.boolean("affine"),
          .track_running_stats = args.boolean("track_running_stats")};
}

Block lazy_norm_block(Block plain) {
  Block block = std::move(plain);
  block.id = "Lazy" + block.id;
  block.torch_name = "nn." + block.id;
  block.common = false;
  block.when_to_use =
      "Where a script shall not name the channels that come in. In a drawing the plain block does "
      "the same: it takes them from the wire.";
  block.reference =
      concat("https://pytorch.org/docs/stable/generated/torch.", block.torch_name, ".html");
  std::erase_if(block.params, [](const Param& param) { return param.name == "num_features"; });
  // No parameter of that name tells the size of C.
  for (std::string* text : {&block.inputs[0].help, &block.inputs[0].layout}) {
    for (size_t at; (at = text->find("num_features")) != text->npos;) text->replace(at, 12, "C");
  }
  block.infer = nullptr;
  return block;
}

std::string channels_caption(const Args& args) {
  if (!args.has("num_features") || args.is_none("num_features")) return {};
  return std::to_string(args.integer("num_features")) + " channels";
}

std::string spatial_layout(int spatial, const std::string& channels) {
  const std::string before = "N " + channels;
  if (spatial == 1) return before + " L";
  return before + (spatial == 2 ? " H W" : " D H W");
}

}  // namespace nw::nn
