#pragma once

#include <string>
#include <vector>

#include "core/nn/block.h"
#include "core/ops/packed_sequence.h"
#include "core/ops/recurrent.h"

namespace nw::nn {

/// What RNN, LSTM and GRU share: layers of one kind of cell that go over sequences step by step,
/// each layer over what the one before gives. Parameters, for each layer k and, with
/// `bidirectional`, again with the suffix _reverse: weight_ih_lk (gates · hidden, features),
/// weight_hh_lk (gates · hidden, state), bias_ih_lk and bias_hh_lk (gates · hidden) if `bias`,
/// weight_hr_lk (state, hidden) if `proj_size`; all start as U(±1/√hidden). Sources: torch.nn.RNN,
/// LSTM, GRU.
class RecurrentModule : public Module {
 public:
  struct Options {
    int64_t input_size;
    int64_t hidden_size;
    int64_t num_layers = 1;
    bool bias = true;
    bool batch_first = false;  // (N, T, features), not (T, N, features)
    double dropout = 0;        // while training, on what goes from layer to layer
    bool bidirectional = false;
    int64_t proj_size = 0;  // LSTM only: the size that h is projected to; 0: it is not
  };

  std::string kind() const override { return kind_; }
  std::string extra_repr() const override;

  /// {input, h_0, lengths}, for the LSTM {input, h_0, c_0, lengths}; all but the first may be
  /// missing -> {output, h_n}, for the LSTM {output, h_n, c_n}. input (T, N, features), (N, T,
  /// features) with batch_first, or (T, features); states (layers · directions, N, size) or
  /// (layers · directions, size), 0 when missing. lengths, int64 (N): the sequences end there, what
  /// lies behind is not read, and their output is 0 behind it; as if packed before and padded
  /// afterwards.
  Tensors forward(const Tensors& inputs) override;

  struct PackedResult {
    ops::PackedSequence output;
    ops::RecurrentState final;  // in the order that the sequences had before they were packed
  };
  /// `initial`: in the order that the sequences had before they were packed.
  PackedResult forward(const ops::PackedSequence& input, const ops::RecurrentState& initial = {});

 protected:
  RecurrentModule(std::string kind, RecurrentCell cell, const Options& options);

 private:
  void check_options() const;
  void add_cell(int64_t features, const std::string& suffix);
  Tensors forward_padded(const Tensor& input, const ops::RecurrentState& initial,
                         const Tensor& lengths);
  ops::RecurrentResult run(const Tensor& x, const Tensor& batch_sizes,
                           const ops::RecurrentState& initial) const;
  Tensors results(const Tensor& output, const ops::RecurrentState& final) const;

  std::string kind_;
  RecurrentCell cell_;
  Options options_;
  std::vector<ops::RecurrentWeights> weights_;
};

/// h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or with ReLU. Source: torch.nn.RNN.
class RNN : public RecurrentModule {
 public:
  explicit RNN(const Options& options, const std::string& nonlinearity = "tanh");
};

/// i, f, o = σ(W·x + U·h + b), g = tanh(…), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
/// Source: torch.nn.LSTM; Hochreiter & Schmidhuber 1997; with proj_size Sak et al. 2014.
class LSTM : public RecurrentModule {
 public:
  explicit LSTM(const Options& options);
};

/// r, z = σ(W·x + U·h + b), n = tanh(W·x + b + r ⊙ (U·h + b)), h' = (1 − z) ⊙ n + z ⊙ h.
/// Source: torch.nn.GRU; Cho et al. 2014.
class GRU : public RecurrentModule {
 public:
  explicit GRU(const Options& options);
};

Block rnn_block();
Block lstm_block();
Block gru_block();

}  // namespace nw::nn
