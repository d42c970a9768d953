#include <algorithm>
#include <numeric>

#include "tests/simulator/libraries/cudnn_rnn.h"

// Where the numbers of a recurrent net lie in memory.
namespace nw::simulated::dnn {
namespace {

bool has_bias(const Net& net, bool recurrent) {
  switch (net.rnn.bias) {
    case CUDNN_RNN_DOUBLE_BIAS:
      return true;
    case CUDNN_RNN_SINGLE_INP_BIAS:
      return !recurrent;
    case CUDNN_RNN_SINGLE_REC_BIAS:
      return recurrent;
    default:
      return false;
  }
}

std::vector<Parameter> list_of(const Net& net) {
  std::vector<Parameter> all;
  const int gates = net.gates();
  for (int cell = 0; cell < net.cells(); ++cell) {
    for (int number = 0; number < 2 * gates; ++number) {
      const bool recurrent = number >= gates;
      const int columns = recurrent ? net.width() : net.input_of(cell);
      all.push_back({cell, number, false, net.rnn.hidden, columns, 0});
      if (has_bias(net, recurrent)) all.push_back({cell, number, true, net.rnn.hidden, 1, 0});
    }
    if (net.projects()) all.push_back({cell, 8, false, net.rnn.projected, net.rnn.hidden, 0});
  }
  return all;
}

size_t spaced(size_t bytes) {
  return (bytes + 127) / 128 * 128 + 128;
}

size_t bytes_of_parameter(const Net& net, const Parameter& one) {
  return static_cast<size_t>(one.rows) * static_cast<size_t>(one.columns) * bytes_of(net.rnn.type);
}

}  // namespace

std::vector<Parameter> parameters_of(const Net& net) {
  std::vector<Parameter> all = list_of(net);
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto key = [&](size_t i) {
    const int64_t values[] = {all[i].cell, all[i].number, all[i].is_bias ? 1 : 0, net.rnn.hidden};
    return mixed(values);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  size_t offset = 128;
  for (const size_t i : order) {
    all[i].offset_bytes = offset;
    offset += spaced(bytes_of_parameter(net, all[i]));
  }
  return all;
}

size_t weight_bytes(const Net& net) {
  size_t bytes = 128;
  for (const Parameter& one : list_of(net)) bytes += spaced(bytes_of_parameter(net, one));
  return bytes;
}

int64_t place_of(const cudnnRNNDataStruct& data, int step, int sequence) {
  switch (data.layout) {
    case CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED: {
      int64_t rows = 0;
      for (const int length : data.lengths) rows += std::min(length, step);
      return (rows + sequence) * data.width;
    }
    case CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED:
      return (int64_t{sequence} * data.steps + step) * data.width;
    default:
      return (int64_t{step} * data.batch + sequence) * data.width;
  }
}

int64_t numbers_of(const cudnnRNNDataStruct& data) {
  if (data.layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) {
    return int64_t{data.steps} * data.batch * data.width;
  }
  return std::accumulate(data.lengths.begin(), data.lengths.end(), int64_t{0}) * data.width;
}

}  // namespace nw::simulated::dnn
