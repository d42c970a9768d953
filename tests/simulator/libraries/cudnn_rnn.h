#pragma once

#include "tests/simulator/libraries/cudnn_objects.h"

struct cudnnRNNStruct {
  bool is_set = false;
  cudnnRNNAlgo_t algorithm = CUDNN_RNN_ALGO_STANDARD;
  cudnnRNNMode_t mode = CUDNN_RNN_TANH;
  cudnnRNNBiasMode_t bias = CUDNN_RNN_NO_BIAS;
  bool both_ways = false;
  nw::simulated::Number type = nw::simulated::Number::Float32;
  bool tf32 = false;
  int input = 0, hidden = 0, projected = 0, layers = 0;
  bool padded = false;  // CUDNN_RNN_PADDED_IO_ENABLED
};

struct cudnnRNNDataStruct {
  bool is_set = false;
  nw::simulated::Number type = nw::simulated::Number::Float32;
  cudnnRNNDataLayout_t layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
  int steps = 0, batch = 0, width = 0;
  std::vector<int> lengths;
  bool fills = false;
  double filling = 0;
};

namespace nw::simulated::dnn {

/// A recurrent net in numbers.
struct Net {
  cudnnRNNStruct rnn;

  int ways() const { return rnn.both_ways ? 2 : 1; }
  int cells() const { return rnn.layers * ways(); }
  bool projects() const { return rnn.projected < rnn.hidden; }
  int gates() const { return rnn.mode == CUDNN_LSTM ? 4 : rnn.mode == CUDNN_GRU ? 3 : 1; }
  /// Of one way's output.
  int width() const { return rnn.projected; }
  int input_of(int cell) const { return cell < ways() ? rnn.input : width() * ways(); }
};

/// One matrix or bias in the weight space.
struct Parameter {
  int cell, number;  // cuDNN's pseudo layer and linear layer id
  bool is_bias;
  int rows, columns;
  size_t offset_bytes;
};
/// Where they lie: in an order of their own, with room between them, as cuDNN promises none.
std::vector<Parameter> parameters_of(const Net& net);
size_t weight_bytes(const Net& net);

/// Sequences in memory; `at` gives the first number of a step.
int64_t place_of(const cudnnRNNDataStruct& data, int step, int sequence);
int64_t numbers_of(const cudnnRNNDataStruct& data);

/// What a call reads and writes; null: not given.
struct RnnForward {
  Net net;
  cudnnRNNDataStruct x, y;
  const void* from;
  void* to;
  const void *hx, *cx;
  void *hy, *cy;
  const void* weights;
  void* reserve;
};
struct RnnBackwardData {
  Net net;
  cudnnRNNDataStruct x, y;
  const void* dy;
  void* dx;
  const void *hx, *cx, *dhy, *dcy;
  void *dhx, *dcx;
  const void* weights;
  void* reserve;
};
struct RnnBackwardWeights {
  Net net;
  cudnnRNNDataStruct x, y;
  const void *from, *hx;
  void* weight_gradients;
  void* reserve;
};

size_t reserve_bytes(const Net& net, const cudnnRNNDataStruct& x);
void run(const RnnForward& call);
void run(const RnnBackwardData& call);
void run(const RnnBackwardWeights& call);

}  // namespace nw::simulated::dnn
