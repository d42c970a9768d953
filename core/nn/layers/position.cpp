#include "core/nn/layers/position.h"

#include <cmath>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/ops/arithmetic.h"
#include "core/ops/dropout.h"
#include "core/ops/shape.h"

namespace nw::nn {
namespace {

constexpr std::string_view kOp = "PositionalEncoding";

/// (length, features) of sines and cosines in turn.
Tensor waves(int64_t length, int64_t features) {
  const Tensor out = empty(Dims{length, features}, DType::Float64, kCpu);
  double* to = out.data<double>();
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t i = 0; i < features; ++i) {
      const auto share = static_cast<double>(i - i % 2) / static_cast<double>(features);
      const double angle = static_cast<double>(t) * std::pow(10000.0, -share);
      *to++ = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  }
  return out;
}

}  // namespace

PositionalEncoding::PositionalEncoding(const Options& options) : options_(options) {
  NW_CHECK(options.dropout >= 0 && options.dropout <= 1, "[", kOp,
           "] dropout must be between 0 and 1, is ", options.dropout);
}

std::string PositionalEncoding::extra_repr() const {
  return concat("dropout=", options_.dropout,
                ", batch_first=", options_.batch_first ? "True" : "False");
}

const Tensor& PositionalEncoding::table(int64_t length, const Tensor& like) {
  const Dims sizes{length, like.sizes().back()};
  const bool fits = table_.defined() && table_.sizes() == sizes && table_.dtype() == like.dtype() &&
                    table_.device() == like.device();
  if (!fits) {
    table_ = like.device() == kMeta
                 ? empty(sizes, like.dtype(), kMeta)
                 : raw::to(raw::to(waves(length, sizes[1]), like.dtype()), like.device());
  }
  return table_;
}

Tensor PositionalEncoding::forward(const Tensor& input) {
  NW_CHECK(input.dim() == 3, "[", kOp, "] expects ",
           options_.batch_first ? "(N, T, features)" : "(T, N, features)", ", gets ",
           to_string(input.sizes()));
  const Tensor& positions = table(input.size(options_.batch_first ? 1 : 0), input);
  const Tensor y = input + ops::unsqueeze(positions, options_.batch_first ? 0 : 1);
  return training() ? ops::dropout(y, options_.dropout, default_generator()) : y;
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<PositionalEncoding>(PositionalEncoding::Options{
      .dropout = args.real("dropout"), .batch_first = args.boolean("batch_first")});
}

std::string layout(const Args& args) {
  return args.boolean("batch_first") ? "N T D" : "T N D";
}

std::string caption(const Args& args) {
  return concat("p ", args.real("dropout"));
}

}  // namespace

Block positional_encoding_block() {
  Block block;
  block.common = true;
  block.synonyms = "position embedding, sinusoidal";
  block.id = "PositionalEncoding";
  block.code =
      "nn.functional.dropout({input} + torch.stack([f(torch.outer("
      "torch.arange({input}.shape[{batch_first}], dtype=torch.float64), "
      "10000.0 ** (-torch.arange(0, {input}.shape[2], 2, dtype=torch.float64) / "
      "{input}.shape[2]))) for f in (torch.sin, torch.cos)], -1).flatten(1)"
      "[:, :{input}.shape[2]].unsqueeze(1 - {batch_first}).to({input}), {dropout}, self.training)";
  block.category = "attention";
  block.icon = "sine";
  block.summary = "Adds waves to a sequence that tell each position where it is.";
  block.formula = "y[t, 2i] = x + sin(t/10000^(2i/d)),  y[t, 2i + 1] = x + cos(t/10000^(2i/d))";
  block.when_to_use =
      "In front of the first attention layer, which would not know the order otherwise; behind an "
      "Embedding.";
  block.reference = "https://arxiv.org/abs/1706.03762";
  block.params = {{.name = "dropout",
                   .type = ParamType::Real,
                   .fallback = 0.1,
                   .help = "The probability with which a number becomes 0 while training.",
                   .min = 0,
                   .max = 1},
                  {.name = "batch_first",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether the batch is the first dimension: (N, length, features)."}};
  block.inputs = {{"input", "Sequences (T, N, features), or with the batch first"}};
  block.inputs[0].layout_of = layout;
  block.outputs = {{"output", "Sequences of the same sizes"}};
  block.draws_random = true;
  block.make = make;
  block.caption = caption;
  return block;
}

}  // namespace nw::nn
