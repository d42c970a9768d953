#include "core/nn/call.h"
#include "core/nn/layers/transformer.h"

namespace nw::nn {
namespace {

constexpr const char* kPaper = "https://arxiv.org/abs/1706.03762";

/// Without a size from the wire any will do: forward then tells what is wrong with the input.
int64_t d_model_of(const Args& args) {
  return args.is_none("d_model") ? args.integer("nhead") : args.integer("d_model");
}

TransformerLayerOptions layer_options(const Args& args) {
  return {.d_model = d_model_of(args),
          .nhead = args.integer("nhead"),
          .dim_feedforward = args.integer("dim_feedforward"),
          .dropout = args.real("dropout"),
          .activation = args.text("activation"),
          .layer_norm_eps = args.real("layer_norm_eps"),
          .batch_first = args.boolean("batch_first"),
          .norm_first = args.boolean("norm_first")};
}

template <typename Layer>
std::unique_ptr<Module> make_layer(const Args& args) {
  return std::make_unique<Layer>(layer_options(args));
}

/// The module of a nested call; null for None.
std::shared_ptr<Module> nested(const Args& args, std::string_view name) {
  return args.is_none(name) ? nullptr : make_module(args.call(name));
}

template <typename Stack, typename Layer>
std::unique_ptr<Module> make_stack(const Args& args, std::string_view name) {
  const std::shared_ptr<Module> layer = nested(args, name);
  const auto* prototype = dynamic_cast<const Layer*>(layer.get());
  NW_ASSERT(prototype != nullptr && "the description lets only this kind through");
  return std::make_unique<Stack>(*prototype, args.integer("num_layers"), nested(args, "norm"));
}

std::unique_ptr<Module> make_encoder(const Args& args) {
  return make_stack<TransformerEncoder, TransformerEncoderLayer>(args, "encoder_layer");
}

std::unique_ptr<Module> make_decoder(const Args& args) {
  return make_stack<TransformerDecoder, TransformerDecoderLayer>(args, "decoder_layer");
}

std::unique_ptr<Module> make_transformer(const Args& args) {
  Transformer::Options options{.layer = layer_options(args),
                               .num_encoder_layers = args.integer("num_encoder_layers"),
                               .num_decoder_layers = args.integer("num_decoder_layers")};
  options.custom_encoder = nested(args, "custom_encoder");
  options.custom_decoder = nested(args, "custom_decoder");
  return std::make_unique<Transformer>(options);
}

void infer_layer(const Dims& input, Args& args) {
  if (args.is_none("d_model") && input.size() >= 2) args.set("d_model", input.back());
}

bool divides(const Args& args) {
  return args.is_none("d_model") || args.integer("d_model") % args.integer("nhead") == 0;
}

bool has_encoder(const Args& args) {
  return !args.is_none("custom_encoder") || args.integer("num_encoder_layers") >= 0;
}

std::string heads_text(int64_t heads) {
  return concat(heads, heads == 1 ? " head" : " heads");
}

std::string layer_caption(const Args& args) {
  const std::string heads = heads_text(args.integer("nhead"));
  if (args.is_none("d_model")) return heads;
  return concat(args.integer("d_model"), " · ", heads, " · ", args.integer("dim_feedforward"));
}

std::string stack_caption(const Args& args) {
  const int64_t layers = args.integer("num_layers");
  return concat(layers, layers == 1 ? " layer" : " layers");
}

std::string transformer_caption(const Args& args) {
  return concat(args.integer("d_model"), " · ", heads_text(args.integer("nhead")), " · ",
                args.integer("num_encoder_layers"), " + ", args.integer("num_decoder_layers"),
                " layers");
}

/// Multiply-adds of one encoder layer on one sequence.
int64_t layer_multiply_adds(const Args& args, const Dims& input, const Dims&) {
  if (input.size() != 3) return 0;
  const int64_t features = input[2];
  const int64_t length = args.boolean("batch_first") ? input[1] : input[0];
  return length * features * (4 * features + 2 * length + 2 * args.integer("dim_feedforward"));
}

/// "N S d_model" or "S N d_model".
std::string layout(bool batch_first, std::string_view length, std::string_view features) {
  return batch_first ? concat("N ", length, " ", features) : concat(length, " N ", features);
}

std::string source_layout(const Args& args) {
  return layout(args.boolean("batch_first"), "S", "d_model");
}

std::string target_layout(const Args& args) {
  return layout(args.boolean("batch_first"), "T", "d_model");
}

/// Of a stack, whose layer knows the sizes.
std::string nested_layout(const Args& args, std::string_view layer, std::string_view length) {
  const Call& call = args.call(layer);
  const Args all = blocks().find(call.id)->complete(call.args);
  return layout(all.boolean("batch_first"), length, std::to_string(d_model_of(all)));
}

std::string encoder_source_layout(const Args& args) {
  return nested_layout(args, "encoder_layer", "S");
}

std::string decoder_memory_layout(const Args& args) {
  return nested_layout(args, "decoder_layer", "S");
}

std::string decoder_target_layout(const Args& args) {
  return nested_layout(args, "decoder_layer", "T");
}

using Layout = std::string (*)(const Args& args);

Port sequence(std::string name, std::string help, Layout layout_of) {
  Port port{std::move(name), std::move(help)};
  port.layout_of = layout_of;
  return port;
}

Port mask(std::string name, std::string help, std::string sizes) {
  return {std::move(name), std::move(help), true, std::move(sizes), PortNumbers::Mask};
}

std::vector<Port> encoder_ports(const std::string& mask_name, Layout layout_of) {
  return {sequence("src", "Sequences (S, N, features), or with the batch first", layout_of),
          mask(mask_name, "Which positions each one must not see (S, S)", "S S"),
          mask("src_key_padding_mask", "Which positions are only padding (N, S)", "N S")};
}

std::vector<Port> decoder_ports(Layout target, Layout memory) {
  return {sequence("tgt", "What was written so far (T, N, features)", target),
          sequence("memory", "What the encoder gave (S, N, features)", memory),
          mask("tgt_mask", "Which positions each one must not see, usually the later ones (T, T)",
               "T T"),
          mask("memory_mask", "Which of the encoder's positions each must not see (T, S)", "T S"),
          mask("tgt_key_padding_mask", "Which positions are only padding (N, T)", "N T"),
          mask("memory_key_padding_mask", "Which of the encoder's are only padding (N, S)", "N S")};
}

Param integer(std::string name, int64_t fallback, int64_t least, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Int,
          .fallback = fallback,
          .help = std::move(help),
          .min = static_cast<double>(least)};
}

Param flag(std::string name, bool fallback, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Bool,
          .fallback = fallback,
          .help = std::move(help)};
}

std::vector<Param> feedforward_params() {
  Param width = integer("dim_feedforward", 2048, 0, "Features between the two Linear layers.");
  width.usual_min = 1;
  return {width,
          {.name = "dropout",
           .type = ParamType::Real,
           .fallback = 0.1,
           .help = "The probability with which numbers and weights become 0 while training.",
           .min = 0,
           .max = 1},
          {.name = "activation",
           .type = ParamType::Choice,
           .fallback = std::string("relu"),
           .help = "What stands between the two Linear layers.",
           .choices = {"relu", "gelu"}}};
}

std::vector<Param> order_params() {
  return {{.name = "layer_norm_eps",
           .type = ParamType::Real,
           .fallback = 1e-5,
           .help = "Added to the variance in the LayerNorms.",
           .usual_min = 0},
          flag("batch_first", false,
               "Whether the batch is the first dimension: (N, length, features)."),
          flag("norm_first", false,
               "Whether each part is normalised before and not behind it: easier to train when "
               "there are many layers.")};
}

void append(std::vector<Param>& params, std::vector<Param> more) {
  for (Param& param : more) params.push_back(std::move(param));
}

std::vector<Param> layer_params() {
  Param heads = integer("nhead", 4, 1, "How many attentions run side by side.");
  heads.required = true;
  std::vector<Param> params = {
      {.name = "d_model",
       .type = ParamType::Int,
       .help = "Features of each position: the size of the last dimension.",
       .min = 1,
       .inferred = true,
       .required = true},
      heads};
  append(params, feedforward_params());
  append(params, order_params());
  return params;
}

Param nested_param(std::string name, std::string block, std::string help) {
  return {.name = std::move(name),
          .type = ParamType::Module,
          .fallback = None{},
          .help = std::move(help),
          .choices = {std::move(block)},
          .optional = true};
}

std::vector<Param> stack_params(std::string layer, std::string block) {
  Param prototype = nested_param(std::move(layer), block,
                                 "The layer of which all are copies, with its arguments.");
  prototype.optional = false;
  prototype.required = true;
  prototype.fallback = Nested(Call{block, {{"d_model", int64_t{128}}, {"nhead", int64_t{4}}}});
  Param count = integer("num_layers", 2, 0, "How many layers follow one another.");
  count.required = true;
  return {prototype, count,
          nested_param("norm", "LayerNorm", "What stands behind the last layer. None: nothing.")};
}

Block attention_block() {
  Block block;
  block.category = "attention";
  block.icon = "attention";
  block.reference = kPaper;
  block.draws_random = true;
  return block;
}

}  // namespace

Block transformer_encoder_layer_block() {
  Block block = attention_block();
  block.common = true;
  block.synonyms = "self-attention, BERT, ViT";
  block.id = "TransformerEncoderLayer";
  block.torch_name = "nn.TransformerEncoderLayer";
  block.factory = true;
  block.summary = "Lets all positions of a sequence look at one another, and thinks over each.";
  block.formula = "z = norm(x + attention(x));  y = norm(z + W₂·relu(W₁·z))";
  block.when_to_use =
      "To read a whole sequence at once: texts, series, patches of pictures. Add positions to the "
      "input first (PositionalEncoding).";
  block.params = layer_params();
  block.constraints = {{"d_model must be divisible by nhead", divides}};
  block.inputs = encoder_ports("src_mask", source_layout);
  block.outputs = {{"output", "Sequences of the same sizes"}};
  block.make = make_layer<TransformerEncoderLayer>;
  block.infer = infer_layer;
  block.caption = layer_caption;
  block.multiply_adds = layer_multiply_adds;
  return block;
}

Block transformer_decoder_layer_block() {
  Block block = attention_block();
  block.id = "TransformerDecoderLayer";
  block.torch_name = "nn.TransformerDecoderLayer";
  block.factory = true;
  block.summary = "Lets what was written so far look at itself and at what the encoder read.";
  block.formula =
      "z = norm(x + attention(x));  u = norm(z + attention(z, memory));  y = norm(u + "
      "W₂·relu(W₁·u))";
  block.when_to_use = "To write a sequence from another one, as in translation.";
  block.params = layer_params();
  block.constraints = {{"d_model must be divisible by nhead", divides}};
  block.inputs = decoder_ports(target_layout, source_layout);
  block.outputs = {{"output", "Sequences of tgt's sizes"}};
  block.make = make_layer<TransformerDecoderLayer>;
  block.infer = infer_layer;
  block.caption = layer_caption;
  return block;
}

Block transformer_encoder_block() {
  Block block = attention_block();
  block.common = true;
  block.synonyms = "self-attention, BERT, ViT";
  block.id = "TransformerEncoder";
  block.torch_name = "nn.TransformerEncoder";
  block.summary = "Several encoder layers in a row, equal at first.";
  block.formula = "y = norm( layer( … layer(x) ) )";
  block.when_to_use = "To read sequences that one layer does not understand.";
  block.params = stack_params("encoder_layer", "TransformerEncoderLayer");
  append(block.params,
         {flag("enable_nested_tensor", true, "Speed in PyTorch; the result is the same."),
          flag("mask_check", true, "Speed in PyTorch; the result is the same.")});
  block.inputs = encoder_ports("mask", encoder_source_layout);
  block.outputs = {{"output", "Sequences of the same sizes"}};
  block.make = make_encoder;
  block.caption = stack_caption;
  return block;
}

Block transformer_decoder_block() {
  Block block = attention_block();
  block.id = "TransformerDecoder";
  block.torch_name = "nn.TransformerDecoder";
  block.summary = "Several decoder layers in a row, equal at first.";
  block.formula = "y = norm( layer( … layer(x, memory), memory ) )";
  block.when_to_use = "To write a sequence from what an encoder read.";
  block.params = stack_params("decoder_layer", "TransformerDecoderLayer");
  block.params[1].min.reset();  // torch takes none for any number below 1
  block.params[1].usual_min = 0;
  block.inputs = decoder_ports(decoder_target_layout, decoder_memory_layout);
  block.outputs = {{"output", "Sequences of tgt's sizes"}};
  block.make = make_decoder;
  block.caption = stack_caption;
  return block;
}

Block transformer_block() {
  Block block = attention_block();
  block.id = "Transformer";
  block.torch_name = "nn.Transformer";
  block.factory = true;
  block.summary = "Reads one sequence with an encoder and writes another with a decoder.";
  block.formula = "y = decoder(tgt, encoder(src))";
  block.when_to_use = "For translation and the like: sequences into other sequences.";
  block.params = {integer("d_model", 512, 1, "Features of each position of both sequences."),
                  integer("nhead", 8, 1, "How many attentions run side by side."),
                  integer("num_encoder_layers", 6, 0, "Layers of the encoder."),
                  integer("num_decoder_layers", 6, 0, "Layers of the decoder.")};
  // torch takes no layers for any number below 1 of the decoder's, and of those that it does not
  // read.
  for (size_t i = block.params.size() - 2; i < block.params.size(); ++i) {
    block.params[i].min.reset();
    block.params[i].usual_min = 0;
  }
  append(block.params, feedforward_params());
  append(block.params,
         {nested_param("custom_encoder", "TransformerEncoder",
                       "An encoder in place of the one that the numbers above describe."),
          nested_param("custom_decoder", "TransformerDecoder",
                       "A decoder in place of the one that the numbers above describe.")});
  append(block.params, order_params());
  block.constraints = {{"d_model must be divisible by nhead", divides},
                       {"num_encoder_layers must be at least 0", has_encoder}};
  block.inputs = {
      sequence("src", "What is read (S, N, d_model), or with the batch first", source_layout),
      sequence("tgt", "What was written so far (T, N, d_model)", target_layout),
      mask("src_mask", "Which positions of src each must not see (S, S)", "S S"),
      mask("tgt_mask", "Which positions of tgt each must not see, usually the later ones (T, T)",
           "T T"),
      mask("memory_mask", "Which positions of src each of tgt must not see (T, S)", "T S"),
      mask("src_key_padding_mask", "Which positions of src are only padding (N, S)", "N S"),
      mask("tgt_key_padding_mask", "Which positions of tgt are only padding (N, T)", "N T"),
      mask("memory_key_padding_mask", "Which positions of src are padding to tgt (N, S)", "N S")};
  block.outputs = {{"output", "Sequences of tgt's sizes"}};
  block.make = make_transformer;
  block.caption = transformer_caption;
  return block;
}

}  // namespace nw::nn
