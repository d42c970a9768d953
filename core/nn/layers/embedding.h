#pragma once

#include "core/nn/block.h"
#include "core/ops/embedding.h"

namespace nw::nn {

/// What both embeddings share: a table of vectors. state_dict: weight (num_embeddings,
/// embedding_dim) of N(0, 1), whose row padding_idx is 0.
class RowTable : public Module {
 public:
  struct Options {
    int64_t num_embeddings = 0;  // from_pretrained takes both from the rows it is given
    int64_t embedding_dim = 0;
    std::optional<int64_t> padding_idx = {};  // a negative one counts from the end
    std::optional<double> max_norm = {};      // edits the rows that a forward uses, in place
    double norm_type = 2;
    bool scale_grad_by_freq = false;
    bool sparse = false;  // taken for PyTorch's sake: gradients are dense, with the same numbers
  };

 protected:
  /// `weight`: undefined, or the numbers to start from, which are shared.
  RowTable(const Options& options, const Tensor& weight, std::string_view op);

  const Options& options() const { return options_; }
  const Tensor& weight() const { return weight_; }
  int64_t padding() const { return options_.padding_idx.value_or(-1); }
  void shorten_rows(const Tensor& index) const;

 private:
  Options options_;
  Tensor weight_;
};

/// A learned vector for each whole number: x (any sizes), int64 or int32 from 0 to num_embeddings −
/// 1 -> (x's sizes, embedding_dim). The row padding_idx gets no gradient.
/// Source: torch.nn.Embedding.
class Embedding : public RowTable {
 public:
  explicit Embedding(const Options& options, const Tensor& weight = {})
      : RowTable(options, weight, "Embedding") {}
  /// Of given numbers (rows, columns), which it shares; `freeze`: they do not learn.
  static std::unique_ptr<Embedding> from_pretrained(const Tensor& embeddings, bool freeze = true,
                                                    Options options = {});

  std::string kind() const override { return "Embedding"; }
  std::string extra_repr() const override;
  Tensors forward(const Tensors& inputs) override;
};

/// What an EmbeddingBag has besides the options of a table.
struct BagOptions {
  BagMode mode = BagMode::Mean;
  bool include_last_offset = false;  // offsets also tells where the last bag ends
};

/// The sum, mean or maximum of the vectors of each bag of whole numbers: x (B, L), or (n) with
/// offsets (B) -> (B, embedding_dim). Inputs: x, offsets, per_sample_weights of x's sizes; the last
/// two may be undefined or left out. Source: torch.nn.EmbeddingBag.
class EmbeddingBag : public RowTable {
 public:
  explicit EmbeddingBag(const Options& options, const BagOptions& bags = {},
                        const Tensor& weight = {});
  static std::unique_ptr<EmbeddingBag> from_pretrained(const Tensor& embeddings, bool freeze = true,
                                                       Options options = {},
                                                       const BagOptions& bags = {});

  std::string kind() const override { return "EmbeddingBag"; }
  std::string extra_repr() const override;
  Tensors forward(const Tensors& inputs) override;

 private:
  BagOptions bags_;
};

Block embedding_block();
Block embedding_bag_block();

}  // namespace nw::nn
