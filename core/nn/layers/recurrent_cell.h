#pragma once

#include <string>

#include "core/nn/block.h"
#include "core/ops/recurrent.h"

namespace nw::nn {

/// One step of a recurrent layer, for loops of one's own. Parameters weight_ih (gates · hidden,
/// features), weight_hh (gates · hidden, hidden), and bias_ih and bias_hh (gates · hidden) if
/// `bias`; all start as U(±1/√hidden). Sources: torch.nn.RNNCell, LSTMCell, GRUCell.
class RecurrentCellModule : public Module {
 public:
  struct Options {
    int64_t input_size;
    int64_t hidden_size;
    bool bias = true;
  };

  std::string kind() const override { return kind_; }
  std::string extra_repr() const override;
  /// {input, hidden} -> {output}, for the LSTMCell {input, h_0, c_0} -> {h_1, c_1}: input (N,
  /// features) or (features), the others (N, hidden) or (hidden); states may be missing: 0.
  Tensors forward(const Tensors& inputs) override;

 protected:
  RecurrentCellModule(std::string kind, RecurrentCell cell, const Options& options);

 private:
  Tensor checked_state(const Tensor& state, const Tensor& rows, bool one,
                       std::string_view name) const;

  std::string kind_;
  RecurrentCell cell_;
  Options options_;
  ops::RecurrentWeights weights_;
};

/// h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or with ReLU.
class RNNCell : public RecurrentCellModule {
 public:
  explicit RNNCell(const Options& options, const std::string& nonlinearity = "tanh");
};

/// i, f, o = σ(W·x + U·h + b), g = tanh(…), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
class LSTMCell : public RecurrentCellModule {
 public:
  explicit LSTMCell(const Options& options);
};

/// r, z = σ(W·x + U·h + b), n = tanh(W·x + b + r ⊙ (U·h + b)), h' = (1 − z) ⊙ n + z ⊙ h.
class GRUCell : public RecurrentCellModule {
 public:
  explicit GRUCell(const Options& options);
};

Block rnn_cell_block();
Block lstm_cell_block();
Block gru_cell_block();

}  // namespace nw::nn
