#include "core/nn/layers/group_norm.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/nn/layers/norm_base.h"
#include "core/ops/norm.h"

namespace nw::nn {

GroupNorm::GroupNorm(const Options& options) : options_(options) {
  NW_CHECK(options.num_groups != 0 && options.num_channels % options.num_groups == 0,
           "[GroupNorm] num_channels (", options.num_channels,
           ") must be divisible by num_groups (", options.num_groups, ")");
  NW_CHECK(options.num_channels >= 0 || !options.affine,
           "[GroupNorm] num_channels cannot be negative, is ", options.num_channels);
  if (options.affine) {
    weight_ = new_parameter(Dims{options.num_channels});
    bias_ = new_parameter(Dims{options.num_channels});
    raw::fill_(weight_, 1);
    raw::fill_(bias_, 0);
  }
  register_parameter("weight", weight_);
  register_parameter("bias", bias_);
}

std::string GroupNorm::extra_repr() const {
  return concat(options_.num_groups, ", ", options_.num_channels, ", eps=", to_python(options_.eps),
                ", affine=", options_.affine ? "True" : "False");
}

Tensor GroupNorm::forward(const Tensor& input) {
  return ops::group_norm(input, options_.num_groups, weight_, bias_, options_.eps);
}

std::string LocalResponseNorm::extra_repr() const {
  return concat(options_.size, ", alpha=", to_python(options_.alpha),
                ", beta=", to_python(options_.beta), ", k=", to_python(options_.k));
}

Tensor LocalResponseNorm::forward(const Tensor& input) {
  return ops::local_response_norm(input, options_.size, options_.alpha, options_.beta, options_.k);
}

namespace {

std::unique_ptr<Module> make_group_norm(const Args& args) {
  const int64_t groups = args.integer("num_groups");
  // Without a size from the wire any will do: forward then tells what is wrong with the input.
  const bool known = !args.is_none("num_channels");
  return std::make_unique<GroupNorm>(
      GroupNorm::Options{.num_groups = groups,
                         .num_channels = known ? args.integer("num_channels") : groups,
                         .eps = args.real("eps"),
                         .affine = args.boolean("affine")});
}

void infer(const Dims& input, Args& args) {
  const bool fits = input.size() >= 2 && input[1] % args.integer("num_groups") == 0;
  if (args.is_none("num_channels") && fits) args.set("num_channels", input[1]);
}

bool groups_fit(const Args& args) {
  return args.is_none("num_channels") ||
         args.integer("num_channels") % args.integer("num_groups") == 0;
}

std::string group_caption(const Args& args) {
  const std::string groups = concat(args.integer("num_groups"), " groups");
  if (args.is_none("num_channels")) return groups;
  return concat(groups, " of ", args.integer("num_channels") / args.integer("num_groups"));
}

std::unique_ptr<Module> make_local_response(const Args& args) {
  return std::make_unique<LocalResponseNorm>(
      LocalResponseNorm::Options{.size = args.integer("size"),
                                 .alpha = args.real("alpha"),
                                 .beta = args.real("beta"),
                                 .k = args.real("k")});
}

std::string response_caption(const Args& args) {
  return concat(args.integer("size"), " channels");
}

}  // namespace

Block group_norm_block() {
  Block block;
  Param eps = eps_param();
  eps.usual_min = 1e-8;  // the gradient of a group without spread has no value with 0
  block.common = true;
  block.synonyms = "group normalization, gn";
  block.id = "GroupNorm";
  block.torch_name = "nn.GroupNorm";
  block.factory = true;
  block.category = "normalisation";
  block.icon = "group_norm";
  block.summary = "Gives each group of channels of each sample mean 0 and variance 1.";
  block.formula = "y = (x − E[x]) / √(Var[x] + ε) · γ + β,  E and Var over a group of channels";
  block.when_to_use =
      "In place of BatchNorm where batches are small: it does not look at the other samples.";
  block.reference = "https://arxiv.org/abs/1803.08494";
  block.params = {
      {.name = "num_groups",
       .type = ParamType::Int,
       .fallback = int64_t{1},
       .help = "Groups that the channels are divided into; 1: all together.",
       .min = 1,
       .required = true},
      {.name = "num_channels",
       .type = ParamType::Int,
       .help = "Channels that come in: the size of the input's dimension C.",
       .usual_min = 1,
       .inferred = true,
       .required = true},
      eps,
      affine_param("affine", true),
  };
  block.constraints = {{"num_channels must be divisible by num_groups", groups_fit}};
  block.inputs = {{"input", "Numbers (N, num_channels, …)", false, "N num_channels *"}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.make = make_group_norm;
  block.infer = infer;
  block.caption = group_caption;
  return block;
}

Block local_response_norm_block() {
  Block block;
  block.id = "LocalResponseNorm";
  block.torch_name = "nn.LocalResponseNorm";
  block.category = "normalisation";
  block.icon = "local_response_norm";
  block.summary = "Damps a channel where its neighbours are strong.";
  block.formula = "y = x / (k + α/n · Σ x²)^β,  the sum over n neighbouring channels";
  block.when_to_use = "To rebuild AlexNet and other early nets; BatchNorm has taken its place.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html";
  block.params = {
      {.name = "size",
       .type = ParamType::Int,
       .fallback = int64_t{5},
       .help = "How many neighbouring channels count.",
       .min = 1,
       .required = true},
      {.name = "alpha",
       .type = ParamType::Real,
       .fallback = 1e-4,
       .help = "How strongly the neighbours damp."},
      {.name = "beta",
       .type = ParamType::Real,
       .fallback = 0.75,
       .help = "The exponent of the divisor."},
      {.name = "k",
       .type = ParamType::Real,
       .fallback = 1.0,
       .help = "What the divisor is without neighbours."},
  };
  block.inputs = {{"input", "Numbers (N, C, …), three or more dimensions", false, "N C L *"}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  block.make = make_local_response;
  block.caption = response_caption;
  return block;
}

}  // namespace nw::nn
