#pragma once

#include <span>
#include <string_view>

#include "core/backend/recurrent_cell.h"
#include "core/base/random.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// What a cell carries from step to step; c is the Lstm's only.
struct RecurrentState {
  Tensor h;
  Tensor c;
};

/// The weights of one cell: of one layer in one direction. G = gate_count · hidden rows.
struct RecurrentWeights {
  Tensor ih;       // (G, features)
  Tensor hh;       // (G, state)
  Tensor bias_ih;  // (G) or undefined, and then both are
  Tensor bias_hh;  // (G)
  Tensor hr;       // (state, hidden), Lstm only: projects h; undefined: state is hidden
};

/// One step of a cell: x (N, features), state (N, state) -> the state behind it. Composed of other
/// ops. Sources: torch.nn.RNNCell, LSTMCell, GRUCell.
RecurrentState recurrent_cell(RecurrentCell cell, const Tensor& x, const RecurrentState& state,
                              const RecurrentWeights& weights);

struct RecurrentOptions {
  std::string_view op;  // starts the error messages: "LSTM"
  RecurrentCell cell = RecurrentCell::Tanh;
  int64_t layers = 1;
  bool bidirectional = false;
  double dropout = 0;  // on what goes from layer to layer; 0 unless training
};

struct RecurrentResult {
  Tensor output;         // (T, N, directions · state), or (rows, …) for packed sequences
  RecurrentState final;  // (layers · directions, N, state) and (…, hidden)
};

/// Layers of cells over whole sequences. x (T, N, features), or with `batch_sizes` (int64 (T) on
/// the CPU, never growing) the rows of packed sequences (rows, features), step by step those of the
/// first batch_sizes[t] sequences. initial (layers · directions, N, …), or undefined: 0. weights:
/// layer by layer, forward direction first. Where the backend has a kernel for whole stacks it is
/// one call, else one kernel for each cell. Throws Error when sizes do not fit. Sources:
/// torch.nn.RNN, LSTM, GRU.
RecurrentResult recurrent(const Tensor& x, const Tensor& batch_sizes, const RecurrentState& initial,
                          std::span<const RecurrentWeights> weights,
                          const RecurrentOptions& options, Generator& generator);

}  // namespace nw::ops
