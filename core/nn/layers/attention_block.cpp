#include "core/nn/layers/attention.h"

namespace nw::nn {
namespace {

std::optional<int64_t> size_of(const Args& args, std::string_view name) {
  if (args.is_none(name)) return std::nullopt;
  return args.integer(name);
}

std::unique_ptr<Module> make(const Args& args) {
  // Without a size from the wire any will do: forward then tells what is wrong with the input.
  const int64_t heads = args.integer("num_heads");
  return std::make_unique<MultiheadAttention>(MultiheadAttention::Options{
      .embed_dim = args.is_none("embed_dim") ? heads : args.integer("embed_dim"),
      .num_heads = heads,
      .dropout = args.real("dropout"),
      .bias = args.boolean("bias"),
      .add_bias_kv = args.boolean("add_bias_kv"),
      .add_zero_attn = args.boolean("add_zero_attn"),
      .kdim = size_of(args, "kdim"),
      .vdim = size_of(args, "vdim"),
      .batch_first = args.boolean("batch_first"),
      .need_weights = args.boolean("need_weights"),
      .average_attn_weights = args.boolean("average_attn_weights")});
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("embed_dim") && input.size() >= 2) args.set("embed_dim", input.back());
}

std::string caption(const Args& args) {
  const int64_t heads = args.integer("num_heads");
  const std::string text = concat(heads, heads == 1 ? " head" : " heads");
  return args.is_none("embed_dim") ? text : concat(args.integer("embed_dim"), " · ", text);
}

bool divides(const Args& args) {
  return args.is_none("embed_dim") || args.integer("embed_dim") % args.integer("num_heads") == 0;
}

int64_t multiply_adds(const Args& args, const Dims& input, const Dims&) {
  if (input.size() != 3) return 0;
  const int64_t features = input[2];
  const int64_t length = args.boolean("batch_first") ? input[1] : input[0];
  return 4 * length * features * features + 2 * length * length * features;
}

std::string sequence_layout(const Args& args, std::string_view length, std::string_view features) {
  return args.boolean("batch_first") ? concat("N ", length, " ", features)
                                     : concat(length, " N ", features);
}

std::string query_layout(const Args& args) {
  return sequence_layout(args, "T", "embed_dim");
}

std::string key_layout(const Args& args) {
  return sequence_layout(args, "S", args.is_none("kdim") ? "embed_dim" : "kdim");
}

std::string value_layout(const Args& args) {
  return sequence_layout(args, "S", args.is_none("vdim") ? "embed_dim" : "vdim");
}

Param flag(std::string name, bool fallback, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Bool,
          .fallback = fallback,
          .help = std::move(help)};
}

Param other_size(std::string name, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Int,
          .fallback = None{},
          .help = std::move(help),
          .min = 1,
          .optional = true};
}

std::vector<Param> params() {
  Param need_weights =
      flag("need_weights", true, "Whether the weights come out, too. Without them it is faster.");
  need_weights.call = true;
  Param average = flag("average_attn_weights", true,
                       "Whether the weights that come out are the mean over the heads.");
  average.call = true;
  return {{.name = "embed_dim",
           .type = ParamType::Int,
           .help = "Features of the queries and of the output: the size of the last dimension.",
           .min = 1,
           .inferred = true,
           .required = true},
          {.name = "num_heads",
           .type = ParamType::Int,
           .fallback = int64_t{4},
           .help = "How many attentions run side by side, each on its share of the features.",
           .min = 1,
           .required = true},
          {.name = "dropout",
           .type = ParamType::Real,
           .fallback = 0.0,
           .help = "The probability with which a weight becomes 0 while training.",
           .usual_min = 0,
           .usual_max = 1},
          flag("bias", true, "Whether the projections add learnable numbers."),
          flag("add_bias_kv", false, "Whether one more key and value, which are learnt, is seen."),
          flag("add_zero_attn", false, "Whether one more key and value, of zeros, is seen."),
          other_size("kdim", "Features of the keys. None: as many as of the queries."),
          other_size("vdim", "Features of the values. None: as many as of the queries."),
          flag("batch_first", false,
               "Whether the batch is the first dimension: (N, length, features)."),
          need_weights,
          average};
}

std::vector<Port> inputs() {
  std::vector<Port> ports = {
      {"query", "What is looked for (T, N, features), or with the batch first"},
      {"key",
       "What is compared with it (S, N, features); the query's wire makes it self-attention"},
      {"value", "What is found there (S, N, features), usually the key's wire"},
      {"key_padding_mask", "Which keys are only padding (N, S)", true, "N S", PortNumbers::Mask},
      {"attn_mask", "Which keys each query must not see (T, S)", true, "T S", PortNumbers::Mask}};
  ports[0].layout_of = query_layout;
  ports[1].layout_of = key_layout;
  ports[2].layout_of = value_layout;
  return ports;
}

}  // namespace

Block multihead_attention_block() {
  Block block;
  block.common = true;
  block.synonyms = "self-attention, cross-attention, query key value, mha";
  block.id = "MultiheadAttention";
  block.torch_name = "nn.MultiheadAttention";
  block.factory = true;
  block.category = "attention";
  block.icon = "attention";
  block.summary = "Lets each position gather what it needs from all others.";
  block.formula =
      "y = concat( softmax(qᵢ·kᵢᵀ/√d + mask)·vᵢ )·W,  qᵢ, kᵢ, vᵢ projections for head i";
  block.when_to_use =
      "On sequences whose parts depend on far ones: texts, series, patches of pictures. A "
      "TransformerEncoderLayer has it inside, with what it needs around it.";
  block.reference = "https://arxiv.org/abs/1706.03762";
  block.params = params();
  block.constraints = {{"embed_dim must be divisible by num_heads", divides}};
  block.inputs = inputs();
  block.outputs = {{"attn_output", "What each query found, of its sizes"},
                   {"attn_output_weights", "How much it looked at each key (N, T, S)"}};
  block.draws_random = true;
  block.make = make;
  block.infer = infer;
  block.caption = caption;
  block.multiply_adds = multiply_adds;
  return block;
}

}  // namespace nw::nn
