#include "core/nn/layers/embedding.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/init.h"

namespace nw::nn {
namespace {

constexpr std::array<std::string_view, 3> kModes = {"sum", "mean", "max"};  // as BagMode

RowTable::Options sized(RowTable::Options options, const Tensor& embeddings, std::string_view op) {
  NW_CHECK(embeddings.defined() && embeddings.dim() == 2, "[", op,
           "] expects embeddings of two dimensions, gets ", describe(embeddings));
  options.num_embeddings = embeddings.size(0);
  options.embedding_dim = embeddings.size(1);
  return options;
}

}  // namespace

RowTable::RowTable(const Options& options, const Tensor& weight, std::string_view op)
    : options_(options) {
  const int64_t rows = options.num_embeddings;
  const int64_t columns = options.embedding_dim;
  NW_CHECK(rows >= 0 && columns >= 0, "[", op,
           "] num_embeddings and embedding_dim cannot be negative, are ", rows, " and ", columns);
  if (options_.padding_idx) {
    int64_t& padding = *options_.padding_idx;
    NW_CHECK(padding >= -rows && (padding < rows || padding == 0), "[", op,
             "] padding_idx must be within num_embeddings (", rows, "), is ", padding);
    if (padding < 0) padding += rows;
  }
  if (weight.defined()) {
    NW_CHECK(weight.sizes() == (Dims{rows, columns}), "[", op, "] expects a weight of sizes ", rows,
             "×", columns, ", gets ", describe(weight));
    weight_ = register_parameter("weight", weight);
    return;
  }
  weight_ = register_parameter("weight", new_parameter(Dims{rows, columns}));
  if (weight_.numel() > 0) kernels_of(weight_).normal(default_generator(), 0, 1, weight_);
  if (!options_.padding_idx) return;
  NW_CHECK(padding() < rows, "[", op, "] padding_idx must be within num_embeddings (", rows,
           "), is ", padding());
  raw::fill_(weight_.as_strided(Dims{columns}, Dims{1}, padding() * columns), 0);
}

void RowTable::shorten_rows(const Tensor& index) const {
  if (options_.max_norm) {
    ops::embedding_renorm_(weight_, index, *options_.max_norm, options_.norm_type);
  }
}

std::unique_ptr<Embedding> Embedding::from_pretrained(const Tensor& embeddings, bool freeze,
                                                      Options options) {
  auto made = std::make_unique<Embedding>(sized(options, embeddings, "Embedding"), embeddings);
  made->requires_grad_(!freeze);
  return made;
}

std::string Embedding::extra_repr() const {
  const Options& o = options();
  std::string text = concat(o.num_embeddings, ", ", o.embedding_dim);
  if (o.padding_idx) text += concat(", padding_idx=", *o.padding_idx);
  if (o.max_norm) text += ", max_norm=" + to_python(*o.max_norm);
  if (o.norm_type != 2) text += ", norm_type=" + to_python(o.norm_type);
  if (o.scale_grad_by_freq) text += ", scale_grad_by_freq=True";
  if (o.sparse) text += ", sparse=True";
  return text;
}

Tensors Embedding::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 1, "[Embedding] expects one input, gets ", inputs.size());
  shorten_rows(inputs[0]);
  return {ops::embedding(inputs[0], weight(),
                         {.padding_idx = padding(),
                          .scale_grad_by_freq = options().scale_grad_by_freq,
                          .sparse = options().sparse})};
}

EmbeddingBag::EmbeddingBag(const Options& options, const BagOptions& bags, const Tensor& weight)
    : RowTable(options, weight, "EmbeddingBag"), bags_(bags) {}

std::unique_ptr<EmbeddingBag> EmbeddingBag::from_pretrained(const Tensor& embeddings, bool freeze,
                                                            Options options,
                                                            const BagOptions& bags) {
  auto made =
      std::make_unique<EmbeddingBag>(sized(options, embeddings, "EmbeddingBag"), bags, embeddings);
  made->requires_grad_(!freeze);
  return made;
}

std::string EmbeddingBag::extra_repr() const {
  const Options& o = options();
  std::string text = concat(o.num_embeddings, ", ", o.embedding_dim);
  if (o.max_norm) text += ", max_norm=" + to_python(*o.max_norm);
  if (o.norm_type != 2) text += ", norm_type=" + to_python(o.norm_type);
  if (o.scale_grad_by_freq) text += ", scale_grad_by_freq=True";
  text += concat(", mode=", kModes[static_cast<size_t>(bags_.mode)]);
  if (o.padding_idx) text += concat(", padding_idx=", *o.padding_idx);
  return text;
}

Tensors EmbeddingBag::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() >= 1 && inputs.size() <= 3,
           "[EmbeddingBag] expects one to three inputs, gets ", inputs.size());
  const Tensor offsets = inputs.size() > 1 ? inputs[1] : Tensor();
  const Tensor weights = inputs.size() > 2 ? inputs[2] : Tensor();
  NW_CHECK(bags_.mode != BagMode::Max || !options().sparse,
           "[EmbeddingBag] mode 'max' does not go with sparse");
  shorten_rows(inputs[0]);
  return {ops::embedding_bag(inputs[0], weight(), offsets, weights,
                             {.mode = bags_.mode,
                              .padding_idx = padding(),
                              .scale_grad_by_freq = options().scale_grad_by_freq,
                              .sparse = options().sparse,
                              .include_last_offset = bags_.include_last_offset})};
}

namespace {

RowTable::Options table_options(const Args& args) {
  RowTable::Options options{.num_embeddings = args.integer("num_embeddings"),
                            .embedding_dim = args.integer("embedding_dim"),
                            .norm_type = args.real("norm_type"),
                            .scale_grad_by_freq = args.boolean("scale_grad_by_freq"),
                            .sparse = args.boolean("sparse")};
  if (!args.is_none("padding_idx")) options.padding_idx = args.integer("padding_idx");
  if (!args.is_none("max_norm")) options.max_norm = args.real("max_norm");
  return options;
}

std::unique_ptr<Module> make_embedding(const Args& args) {
  return std::make_unique<Embedding>(table_options(args));
}

std::unique_ptr<Module> make_bag(const Args& args) {
  const auto mode = std::find(kModes.begin(), kModes.end(), args.text("mode")) - kModes.begin();
  return std::make_unique<EmbeddingBag>(
      table_options(args), BagOptions{.mode = static_cast<BagMode>(mode),
                                      .include_last_offset = args.boolean("include_last_offset")});
}

bool padding_fits(const Args& args) {
  if (args.is_none("padding_idx")) return true;
  const int64_t rows = args.integer("num_embeddings");
  return args.integer("padding_idx") >= -rows && args.integer("padding_idx") < rows;
}

bool maximum_fits(const Args& args) {
  return args.text("mode") != "max" ||
         (!args.boolean("scale_grad_by_freq") && !args.boolean("sparse"));
}

std::string caption(const Args& args) {
  return concat(args.integer("num_embeddings"), " → ", args.integer("embedding_dim"));
}

Param padding_param(const char* help) {
  return {.name = "padding_idx",
          .type = ParamType::Int,
          .fallback = None{},
          .help = help,
          .optional = true};
}

std::vector<Param> table_params() {
  return {
      {.name = "num_embeddings",
       .type = ParamType::Int,
       .fallback = int64_t{100},
       .help = "How many different numbers there are: the size of the vocabulary.",
       .min = 0,
       .usual_min = 1,
       .required = true},
      {.name = "embedding_dim",
       .type = ParamType::Int,
       .fallback = int64_t{16},
       .help = "The size of each vector.",
       .min = 0,
       .usual_min = 1,
       .required = true},
      {.name = "max_norm",
       .type = ParamType::Real,
       .fallback = None{},
       .help = "Vectors that are longer are shortened to this length when they are used.",
       .usual_min = 0,
       .optional = true},
      {.name = "norm_type",
       .type = ParamType::Real,
       .fallback = 2.0,
       .help = "The p of the p-norm that max_norm looks at.",
       .usual_min = 1,
       .unread = [](const Args& args) { return args.is_none("max_norm"); }},
      {.name = "scale_grad_by_freq",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Whether the gradient of a vector is divided by how often the batch names it.",
       .strict = true},
      {.name = "sparse",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "PyTorch's sparse gradients; here they are dense, with the same numbers.",
       .strict = true},
  };
}

}  // namespace

Block embedding_block() {
  Block block;
  block.common = true;
  block.synonyms = "words, tokens, lookup table, vocabulary";
  block.id = "Embedding";
  block.torch_name = "nn.Embedding";
  block.factory = true;
  block.category = "linear";
  block.icon = "embedding";
  block.summary = "Looks up a learned vector for each whole number.";
  block.formula = "y = W[x]";
  block.when_to_use =
      "As first layer for words, characters, or other things of which there are a fixed number.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html";
  block.params = table_params();
  block.params.insert(block.params.begin() + 2,
                      padding_param("A number that stands for nothing: its vector is 0 and stays "
                                    "so; a negative one counts from the end."));
  block.constraints = {{"padding_idx must be within num_embeddings", padding_fits}};
  block.inputs = {{.name = "input",
                   .help = "Whole numbers of any sizes, each below num_embeddings",
                   .layout = "N *",
                   .numbers = PortNumbers::Indices,
                   .below = "num_embeddings"}};
  block.outputs = {{"output", "Their vectors: (…, embedding_dim)", false}};
  block.make = make_embedding;
  block.caption = caption;
  return block;
}

Block embedding_bag_block() {
  Block block;
  block.id = "EmbeddingBag";
  block.torch_name = "nn.EmbeddingBag";
  block.factory = true;
  block.category = "linear";
  block.icon = "embedding_bag";
  block.summary = "Adds up or averages the learned vectors of a bag of whole numbers.";
  block.formula = "y = Σ W[xᵢ]  or its mean, or the largest of each component";
  block.when_to_use =
      "For texts whose order of words does not matter: faster than an Embedding and a mean.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html";
  block.params = table_params();
  block.params.insert(block.params.begin() + 5, {.name = "mode",
                                                 .type = ParamType::Choice,
                                                 .fallback = std::string("mean"),
                                                 .help = "What becomes of the vectors of a bag.",
                                                 .choices = {"sum", "mean", "max"}});
  // torch has _weight before them; so what follows goes by name.
  block.params.push_back({.name = "include_last_offset",
                          .type = ParamType::Bool,
                          .fallback = false,
                          .help = "Whether the offsets also tell where the last bag ends.",
                          .strict = true,
                          .keyword_only = true});
  Param padding = padding_param("A number that is left out of its bag.");
  padding.keyword_only = true;
  block.params.push_back(padding);
  block.constraints = {
      {"padding_idx must be within num_embeddings", padding_fits},
      {"mode 'max' does not go with scale_grad_by_freq or sparse", maximum_fits},
  };
  block.inputs = {
      {.name = "input",
       .help = "Bags (N, L) of whole numbers, each below num_embeddings; or (n) with offsets",
       .layout = "N L",
       .numbers = PortNumbers::Indices,
       .below = "num_embeddings"},
      {.name = "offsets",
       .help = "Where each bag begins (N), int64, when the input has one dimension",
       .optional = true,
       .layout = "B",
       .numbers = PortNumbers::Starts},
      {.name = "per_sample_weights",
       .help = "A factor for each number, for mode 'sum'",
       .optional = true,
       .layout = "="}};
  block.outputs = {{"output", "A vector for each bag (N, embedding_dim)", false}};
  block.make = make_bag;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
