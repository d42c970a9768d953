#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/simulator/libraries/cudnn_rnn.h"

// The formulas of one cell of a recurrent net, and the sequences that it goes through.
namespace nw::simulated::dnn {

template <typename T>
using Numbers = std::vector<T>;

template <typename T>
Numbers<T> zeros(int64_t count) {
  return Numbers<T>(static_cast<size_t>(count));
}

/// One way of one layer: its matrices, and gradients of them in the same form.
template <typename T>
struct Cell {
  Numbers<T> input[4], recurrent[4], input_bias[4], recurrent_bias[4], projection;
};

template <typename T>
Numbers<T>& parameter(Cell<T>& cell, const Net& net, const Parameter& one) {
  if (one.number == 8) return cell.projection;
  const bool recurrent = one.number >= net.gates();
  const int gate = one.number % net.gates();
  if (one.is_bias) return recurrent ? cell.recurrent_bias[gate] : cell.input_bias[gate];
  return recurrent ? cell.recurrent[gate] : cell.input[gate];
}

template <typename T>
T rounded(const Net& net, T value) {
  return net.rnn.tf32 ? static_cast<T>(rounded_to_tf32(static_cast<float>(value))) : value;
}

/// As a number of the net's type: what is kept between steps and layers.
template <typename T>
T stored(const Net& net, T value) {
  if (!is_half(net.rnn.type)) return value;
  uint16_t room = 0;
  put_number<T>(net.rnn.type, &room, 0, value);
  return number_at<T>(net.rnn.type, &room, 0);
}

template <typename T>
Cell<T> read_cell(const Net& net, int number, const void* weights, bool multiplies) {
  Cell<T> cell;
  for (int gate = 0; gate < net.gates(); ++gate) {
    cell.input_bias[gate] = zeros<T>(net.rnn.hidden);
    cell.recurrent_bias[gate] = zeros<T>(net.rnn.hidden);
  }
  for (const Parameter& one : parameters_of(net)) {
    if (one.cell != number) continue;
    const auto* from = static_cast<const char*>(weights) + one.offset_bytes;
    Numbers<T>& to = parameter(cell, net, one);
    to = zeros<T>(int64_t{one.rows} * one.columns);
    for (size_t i = 0; i < to.size(); ++i) {
      to[i] = number_at<T>(net.rnn.type, from, static_cast<int64_t>(i));
      if (multiplies && !one.is_bias) to[i] = rounded(net, to[i]);
    }
  }
  return cell;
}

/// y += matrix · x.
template <typename T>
void multiply(const Net& net, const Numbers<T>& matrix, const T* x, int64_t columns, T* y) {
  const auto rows = static_cast<int64_t>(matrix.size()) / columns;
  for (int64_t i = 0; i < rows; ++i) {
    T sum{};
    for (int64_t j = 0; j < columns; ++j) {
      sum += matrix[static_cast<size_t>(i * columns + j)] * rounded(net, x[j]);
    }
    y[i] += sum;
  }
}

/// x += matrixᵀ · y.
template <typename T>
void multiply_back(const Net& net, const Numbers<T>& matrix, const T* y, int64_t columns, T* x) {
  const auto rows = static_cast<int64_t>(matrix.size()) / columns;
  for (int64_t i = 0; i < rows; ++i) {
    const T factor = rounded(net, y[i]);
    for (int64_t j = 0; j < columns; ++j) {
      x[j] += matrix[static_cast<size_t>(i * columns + j)] * factor;
    }
  }
}

/// matrix += y · xᵀ.
template <typename T>
void add_product(const Net& net, Numbers<T>& matrix, const T* y, const T* x, int64_t columns) {
  const auto rows = static_cast<int64_t>(matrix.size()) / columns;
  for (int64_t i = 0; i < rows; ++i) {
    const T factor = rounded(net, y[i]);
    for (int64_t j = 0; j < columns; ++j) {
      matrix[static_cast<size_t>(i * columns + j)] += factor * rounded(net, x[j]);
    }
  }
}

/// What one way of one layer leaves for the backward passes, for each step and sequence.
template <typename T>
struct Traces {
  Numbers<T> gates;         // 4 × hidden; of a GRU the fourth is the recurrent part of the third
  Numbers<T> cell, raw;     // hidden; the state of an LSTM, the output before the projection
  Numbers<T> out;           // width
  Numbers<T> input_slopes;  // 4 × hidden: of what goes into the gates from the input
  Numbers<T> recurrent_slopes;  // the same of what comes from the step before
  Numbers<T> out_slopes;        // width

  template <typename Function>
  void each(const Function& function) {
    for (Numbers<T>* one :
         {&gates, &cell, &raw, &out, &input_slopes, &recurrent_slopes, &out_slopes}) {
      function(*one);
    }
  }
};

inline int64_t numbers_in_traces(const Net& net, const cudnnRNNDataStruct& x) {
  return int64_t{x.steps} * x.batch * (14 * net.rnn.hidden + 2 * net.width());
}

template <typename T>
class Sequences {
 public:
  Sequences(const Net& net, const cudnnRNNDataStruct& x) : net_(net), data_(x) {}

  int64_t places() const { return int64_t{data_.steps} * data_.batch; }
  int64_t place(int step, int sequence) const { return int64_t{step} * data_.batch + sequence; }
  int length(int sequence) const { return data_.lengths[static_cast<size_t>(sequence)]; }

  /// The step before, seen in the direction of a cell; −1: there is none.
  int before(int cell, int step, int sequence) const {
    const int found = turns_back(cell) ? step + 1 : step - 1;
    return found >= 0 && found < length(sequence) ? found : -1;
  }
  bool turns_back(int cell) const { return net_.ways() == 2 && cell % 2 == 1; }
  /// The n-th step of a sequence in the direction of a cell, and from its end.
  int step(int cell, int n, int sequence) const {
    return turns_back(cell) ? length(sequence) - 1 - n : n;
  }

  Traces<T> traces() const {
    const int64_t h = net_.rnn.hidden;
    Traces<T> t;
    t.gates = t.input_slopes = t.recurrent_slopes = zeros<T>(places() * 4 * h);
    t.cell = t.raw = zeros<T>(places() * h);
    t.out = t.out_slopes = zeros<T>(places() * net_.width());
    return t;
  }

  /// Steps × sequences × numbers, zeros where a sequence has ended.
  Numbers<T> read(const cudnnRNNDataStruct& data, const void* memory) const {
    Numbers<T> all = zeros<T>(places() * data.width);
    for (int b = 0; b < data.batch; ++b) {
      for (int t = 0; t < length(b); ++t) {
        const int64_t from = place_of(data, t, b);
        for (int i = 0; i < data.width; ++i) {
          all[static_cast<size_t>(place(t, b) * data.width + i)] =
              number_at<T>(data.type, memory, from + i);
        }
      }
    }
    return all;
  }
  void write(const cudnnRNNDataStruct& data, void* memory, const Numbers<T>& all) const {
    const bool unpacked = data.layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
    for (int b = 0; b < data.batch; ++b) {
      const int end = unpacked && data.fills ? data.steps : length(b);
      for (int t = 0; t < end; ++t) {
        const int64_t to = place_of(data, t, b);
        for (int i = 0; i < data.width; ++i) {
          const T value = t < length(b) ? all[static_cast<size_t>(place(t, b) * data.width + i)]
                                        : static_cast<T>(data.filling);
          put_number<T>(data.type, memory, to + i, value);
        }
      }
    }
  }

  /// The state of a cell for one sequence: cells × batch × width, or zeros.
  Numbers<T> state(const void* memory, int cell, int sequence, int width) const {
    Numbers<T> out = zeros<T>(width);
    if (memory == nullptr) return out;
    for (int i = 0; i < width; ++i) {
      out[static_cast<size_t>(i)] =
          number_at<T>(net_.rnn.type, memory, state_place(cell, sequence, width) + i);
    }
    return out;
  }
  void put_state(void* memory, int cell, int sequence, const T* from, int width) const {
    if (memory == nullptr) return;
    for (int i = 0; i < width; ++i) {
      put_number<T>(net_.rnn.type, memory, state_place(cell, sequence, width) + i, from[i]);
    }
  }

 private:
  int64_t state_place(int cell, int sequence, int width) const {
    return (int64_t{cell} * data_.batch + sequence) * width;
  }

  const Net& net_;
  const cudnnRNNDataStruct& data_;
};

/// What the cells of a layer read: x, or what those of the layer below gave, side by side.
template <typename T>
Numbers<T> input_of_layer(const Net& net, int layer, const Numbers<T>& x,
                          const std::vector<Traces<T>>& traces) {
  if (layer == 0) return x;
  const auto width = static_cast<size_t>(net.width());
  const auto ways = static_cast<size_t>(net.ways());
  const auto first = static_cast<size_t>(layer - 1) * ways;
  const size_t places = traces[first].out.size() / width;
  Numbers<T> out(places * width * ways);
  for (size_t way = 0; way < ways; ++way) {
    for (size_t i = 0; i < places; ++i) {
      std::copy_n(&traces[first + way].out[i * width], width, &out[(i * ways + way) * width]);
    }
  }
  return out;
}

template <typename T>
T sigmoid(T value) {
  return 1 / (1 + std::exp(-value));
}

/// One step of one sequence: from the numbers before the gates to the output.
template <typename T>
class Step {
 public:
  Step(const Net& net, Traces<T>& traces, int64_t place)
      : net_(net),
        h_(net.rnn.hidden),
        gates_(&traces.gates[static_cast<size_t>(place * 4 * h_)]),
        cell_(&traces.cell[static_cast<size_t>(place * h_)]),
        raw_(&traces.raw[static_cast<size_t>(place * h_)]) {}

  void forward(const Numbers<T>& in, const Numbers<T>& recurrent, const T* state,
               const T* cell_before) const {
    for (int64_t i = 0; i < h_; ++i) {
      const auto sum = [&](int64_t gate) {
        return in[static_cast<size_t>(gate * h_ + i)] +
               recurrent[static_cast<size_t>(gate * h_ + i)];
      };
      switch (net_.rnn.mode) {
        case CUDNN_LSTM:
          gate(0, i) = sigmoid(sum(0));
          gate(1, i) = sigmoid(sum(1));
          gate(2, i) = std::tanh(sum(2));
          gate(3, i) = sigmoid(sum(3));
          cell_[i] = gate(1, i) * cell_before[i] + gate(0, i) * gate(2, i);
          raw_[i] = gate(3, i) * std::tanh(cell_[i]);
          break;
        case CUDNN_GRU:
          gate(0, i) = sigmoid(sum(0));
          gate(1, i) = sigmoid(sum(1));
          gate(3, i) = recurrent[static_cast<size_t>(2 * h_ + i)];
          gate(2, i) = std::tanh(in[static_cast<size_t>(2 * h_ + i)] + gate(0, i) * gate(3, i));
          raw_[i] = (1 - gate(1, i)) * gate(2, i) + gate(1, i) * state[i];
          break;
        case CUDNN_RNN_TANH:
          raw_[i] = std::tanh(sum(0));
          break;
        default:
          raw_[i] = std::max(sum(0), T{});
      }
      raw_[i] = stored(net_, raw_[i]);
    }
  }

  /// From the slope of the output: those of the gates' two parts, the cell before (LSTM, in
  /// cell_slope) and what goes past the gates to the state before (GRU).
  void backward(const T* slope, const T* state, const T* cell_before, T* in, T* recurrent,
                T* cell_slope, T* past) const {
    for (int64_t i = 0; i < h_; ++i) {
      const auto put = [&](int64_t gate, T value) {
        in[gate * h_ + i] = recurrent[gate * h_ + i] = value;
      };
      switch (net_.rnn.mode) {
        case CUDNN_LSTM: {
          const T bent = std::tanh(cell_[i]);
          const T whole = cell_slope[i] + slope[i] * gate(3, i) * (1 - bent * bent);
          put(0, whole * gate(2, i) * gate(0, i) * (1 - gate(0, i)));
          put(1, whole * cell_before[i] * gate(1, i) * (1 - gate(1, i)));
          put(2, whole * gate(0, i) * (1 - gate(2, i) * gate(2, i)));
          put(3, slope[i] * bent * gate(3, i) * (1 - gate(3, i)));
          cell_slope[i] = whole * gate(1, i);
          break;
        }
        case CUDNN_GRU: {
          const T fresh = slope[i] * (1 - gate(1, i)) * (1 - gate(2, i) * gate(2, i));
          put(0, fresh * gate(3, i) * gate(0, i) * (1 - gate(0, i)));
          put(1, slope[i] * (state[i] - gate(2, i)) * gate(1, i) * (1 - gate(1, i)));
          in[2 * h_ + i] = fresh;
          recurrent[2 * h_ + i] = fresh * gate(0, i);
          past[i] += slope[i] * gate(1, i);
          break;
        }
        case CUDNN_RNN_TANH:
          put(0, slope[i] * (1 - raw_[i] * raw_[i]));
          break;
        default:
          put(0, raw_[i] > 0 ? slope[i] : T{});
      }
    }
  }

 private:
  T& gate(int64_t number, int64_t i) const { return gates_[number * h_ + i]; }

  const Net& net_;
  int64_t h_;
  T *gates_, *cell_, *raw_;
};

}  // namespace nw::simulated::dnn
