#include <cstring>

#include "tests/simulator/libraries/cudnn_rnn_cells.h"

// cuDNN's recurrent nets, layer by layer and step by step.
namespace nw::simulated::dnn {
namespace {

enum class Stage : uint64_t { Forward = 0x666f7277, Data = 0x64617461 };

/// At the beginning of the reserve space.
struct Header {
  Stage stage;
  uint64_t net;
};
constexpr size_t kHeaderBytes = 256;

uint64_t hash_of(const Net& net, const cudnnRNNDataStruct& x) {
  std::vector<int64_t> values{net.rnn.mode,
                              net.rnn.bias,
                              net.ways(),
                              net.rnn.input,
                              net.rnn.hidden,
                              net.rnn.projected,
                              net.rnn.layers,
                              x.steps,
                              x.batch,
                              x.layout,
                              static_cast<int64_t>(x.type)};
  values.insert(values.end(), x.lengths.begin(), x.lengths.end());
  return mixed(values);
}

void expect_stage(const void* reserve, Stage wanted, const Net& net, const cudnnRNNDataStruct& x,
                  const char* missing) {
  Header header{};
  std::memcpy(&header, reserve, sizeof(header));
  if (header.stage != wanted || header.net != hash_of(net, x)) {
    misuse(std::string("cuDNN: the reserve space of a recurrent net is not what ") + missing +
           " left");
  }
}

template <typename T>
class Computation {
 public:
  Computation(const Net& net, const cudnnRNNDataStruct& x)
      : net_(net), sequences_(net, x), batch_(x.batch), hidden_(net.rnn.hidden) {}

  void forward(const RnnForward& call) {
    const Numbers<T> x = sequences_.read(call.x, call.from);
    for (int cell = 0; cell < net_.cells(); ++cell) {
      traces_.push_back(sequences_.traces());
      const Cell<T> weights = read_cell<T>(net_, cell, call.weights, true);
      const Numbers<T> in = input_of_layer(net_, cell / net_.ways(), x, traces_);
      for (int b = 0; b < batch_; ++b) forward_one(call, cell, b, weights, in);
    }
    sequences_.write(call.y, call.to, input_of_layer(net_, net_.rnn.layers, x, traces_));
    if (call.reserve != nullptr) save(call.reserve, Stage::Forward, call.x);
  }

  void backward_data(const RnnBackwardData& call) {
    expect_stage(call.reserve, Stage::Forward, net_, call.x, "a forward pass for training");
    load(call.reserve);
    Numbers<T> slopes = sequences_.read(call.y, call.dy);
    for (int layer = net_.rnn.layers - 1; layer >= 0; --layer) {
      const int width = net_.input_of(layer * net_.ways());
      Numbers<T> below = zeros<T>(sequences_.places() * width);
      for (int way = 0; way < net_.ways(); ++way) {
        const int cell = layer * net_.ways() + way;
        const Cell<T> weights = read_cell<T>(net_, cell, call.weights, true);
        for (int b = 0; b < batch_; ++b) backward_one(call, cell, b, weights, slopes, below);
      }
      slopes = std::move(below);
    }
    sequences_.write(call.x, call.dx, slopes);
    save(call.reserve, Stage::Data, call.x);
  }

  void backward_weights(const RnnBackwardWeights& call) {
    expect_stage(call.reserve, Stage::Data, net_, call.x, "the backward pass of the data");
    load(call.reserve);
    const Numbers<T> x = sequences_.read(call.x, call.from);
    for (int cell = 0; cell < net_.cells(); ++cell) {
      Cell<T> gradients = read_cell<T>(net_, cell, call.weight_gradients, false);
      const Numbers<T> in = input_of_layer(net_, cell / net_.ways(), x, traces_);
      for (int b = 0; b < batch_; ++b) {
        for (int t = 0; t < sequences_.length(b); ++t) {
          add_gradients(call, cell, t, b, in, gradients);
        }
      }
      write_gradients(call, cell, gradients);
    }
  }

 private:
  Traces<T>& traces(int cell) { return traces_[static_cast<size_t>(cell)]; }
  T* at(Numbers<T>& all, int64_t place, int64_t width) {
    return &all[static_cast<size_t>(place * width)];
  }

  /// The output and the cell of the step before, or those that were given.
  void step_before(int cell, int t, int b, const void* hx, const void* cx, Numbers<T>& state,
                   Numbers<T>& inner) {
    const int before = sequences_.before(cell, t, b);
    if (before < 0) {
      state = sequences_.state(hx, cell, b, net_.width());
      inner = sequences_.state(cx, cell, b, hidden_);
      return;
    }
    const int64_t place = sequences_.place(before, b);
    const T* out = at(traces(cell).out, place, net_.width());
    const T* inside = at(traces(cell).cell, place, hidden_);
    state.assign(out, out + net_.width());
    inner.assign(inside, inside + hidden_);
  }

  void forward_one(const RnnForward& call, int cell, int b, const Cell<T>& weights,
                   const Numbers<T>& in) {
    Numbers<T> state;
    Numbers<T> inner;
    const int width = net_.input_of(cell);
    for (int n = 0; n < sequences_.length(b); ++n) {
      const int t = sequences_.step(cell, n, b);
      const int64_t place = sequences_.place(t, b);
      step_before(cell, t, b, call.hx, call.cx, state, inner);
      Numbers<T> from_input = zeros<T>(4 * hidden_);
      Numbers<T> from_state = zeros<T>(4 * hidden_);
      for (int gate = 0; gate < net_.gates(); ++gate) {
        T* first = at(from_input, gate, hidden_);
        T* second = at(from_state, gate, hidden_);
        std::copy(weights.input_bias[gate].begin(), weights.input_bias[gate].end(), first);
        std::copy(weights.recurrent_bias[gate].begin(), weights.recurrent_bias[gate].end(), second);
        multiply(net_, weights.input[gate], &in[static_cast<size_t>(place * width)], width, first);
        multiply(net_, weights.recurrent[gate], state.data(), net_.width(), second);
      }
      Step<T>(net_, traces(cell), place)
          .forward(from_input, from_state, state.data(), inner.data());
      put_out(cell, place, weights);
    }
    const int last = sequences_.step(cell, sequences_.length(b) - 1, b);
    const int64_t place = sequences_.place(last, b);
    sequences_.put_state(call.hy, cell, b, at(traces(cell).out, place, net_.width()), net_.width());
    sequences_.put_state(call.cy, cell, b, at(traces(cell).cell, place, hidden_), hidden_);
  }

  void put_out(int cell, int64_t place, const Cell<T>& weights) {
    const T* raw = at(traces(cell).raw, place, hidden_);
    T* out = at(traces(cell).out, place, net_.width());
    if (!net_.projects()) {
      std::copy_n(raw, hidden_, out);
      return;
    }
    multiply(net_, weights.projection, raw, hidden_, out);
    for (int i = 0; i < net_.width(); ++i) out[i] = stored(net_, out[i]);
  }

  void backward_one(const RnnBackwardData& call, int cell, int b, const Cell<T>& weights,
                    const Numbers<T>& slopes, Numbers<T>& below) {
    const int width = net_.width();
    const int way = cell % net_.ways();
    Numbers<T> carried = sequences_.state(call.dhy, cell, b, width);
    Numbers<T> cell_slope = sequences_.state(call.dcy, cell, b, hidden_);
    Numbers<T> state;
    Numbers<T> inner;
    for (int n = sequences_.length(b) - 1; n >= 0; --n) {
      const int t = sequences_.step(cell, n, b);
      const int64_t place = sequences_.place(t, b);
      T* out = at(traces(cell).out_slopes, place, width);
      for (int i = 0; i < width; ++i) {
        const int64_t from = place * width * net_.ways() + int64_t{way} * width + i;
        out[i] = slopes[static_cast<size_t>(from)] + carried[static_cast<size_t>(i)];
      }
      Numbers<T> raw(out, out + width);
      if (net_.projects()) {
        raw = zeros<T>(hidden_);
        multiply_back(net_, weights.projection, out, hidden_, raw.data());
      }
      step_before(cell, t, b, call.hx, call.cx, state, inner);
      carried = zeros<T>(width);
      T* in = at(traces(cell).input_slopes, place, 4 * hidden_);
      T* recurrent = at(traces(cell).recurrent_slopes, place, 4 * hidden_);
      Step<T>(net_, traces(cell), place)
          .backward(raw.data(), state.data(), inner.data(), in, recurrent, cell_slope.data(),
                    carried.data());
      const int input = net_.input_of(cell);
      for (int gate = 0; gate < net_.gates(); ++gate) {
        multiply_back(net_, weights.input[gate], in + gate * hidden_, input,
                      at(below, place, input));
        multiply_back(net_, weights.recurrent[gate], recurrent + gate * hidden_, width,
                      carried.data());
      }
    }
    sequences_.put_state(call.dhx, cell, b, carried.data(), width);
    sequences_.put_state(call.dcx, cell, b, cell_slope.data(), hidden_);
  }

  void add_gradients(const RnnBackwardWeights& call, int cell, int t, int b, const Numbers<T>& x,
                     Cell<T>& gradients) {
    const int64_t place = sequences_.place(t, b);
    const int width = net_.input_of(cell);
    Numbers<T> state;
    Numbers<T> inner;
    step_before(cell, t, b, call.hx, nullptr, state, inner);
    const T* in = at(traces(cell).input_slopes, place, 4 * hidden_);
    const T* recurrent = at(traces(cell).recurrent_slopes, place, 4 * hidden_);
    for (int gate = 0; gate < net_.gates(); ++gate) {
      add_product(net_, gradients.input[gate], in + gate * hidden_,
                  &x[static_cast<size_t>(place * width)], width);
      add_product(net_, gradients.recurrent[gate], recurrent + gate * hidden_, state.data(),
                  net_.width());
      for (int64_t i = 0; i < hidden_; ++i) {
        gradients.input_bias[gate][static_cast<size_t>(i)] += in[gate * hidden_ + i];
        gradients.recurrent_bias[gate][static_cast<size_t>(i)] += recurrent[gate * hidden_ + i];
      }
    }
    if (!net_.projects()) return;
    add_product(net_, gradients.projection, at(traces(cell).out_slopes, place, net_.width()),
                at(traces(cell).raw, place, hidden_), hidden_);
  }

  void write_gradients(const RnnBackwardWeights& call, int cell, Cell<T>& gradients) {
    for (const Parameter& one : parameters_of(net_)) {
      if (one.cell != cell) continue;
      auto* to = static_cast<char*>(call.weight_gradients) + one.offset_bytes;
      const Numbers<T>& values = parameter(gradients, net_, one);
      for (size_t i = 0; i < values.size(); ++i) {
        put_number<T>(net_.rnn.type, to, static_cast<int64_t>(i), values[i]);
      }
    }
  }

  void save(void* reserve, Stage stage, const cudnnRNNDataStruct& x) {
    const Header header{stage, hash_of(net_, x)};
    std::memcpy(reserve, &header, sizeof(header));
    char* to = static_cast<char*>(reserve) + kHeaderBytes;
    for (Traces<T>& one : traces_) {
      one.each([&](Numbers<T>& numbers) {
        std::memcpy(to, numbers.data(), numbers.size() * sizeof(T));
        to += numbers.size() * sizeof(T);
      });
    }
  }
  void load(const void* reserve) {
    const char* from = static_cast<const char*>(reserve) + kHeaderBytes;
    for (int cell = 0; cell < net_.cells(); ++cell) {
      traces_.push_back(sequences_.traces());
      traces_.back().each([&](Numbers<T>& numbers) {
        std::memcpy(numbers.data(), from, numbers.size() * sizeof(T));
        from += numbers.size() * sizeof(T);
      });
    }
  }

  const Net& net_;
  Sequences<T> sequences_;
  int batch_;
  int hidden_;
  std::vector<Traces<T>> traces_;
};

}  // namespace

size_t reserve_bytes(const Net& net, const cudnnRNNDataStruct& x) {
  const size_t one = net.rnn.type == Number::Float64 ? sizeof(double) : sizeof(float);
  return kHeaderBytes + static_cast<size_t>(numbers_in_traces(net, x) * net.cells()) * one;
}

void run(const RnnForward& call) {
  with_sums(call.net.rnn.type,
            [&](auto zero) { Computation<decltype(zero)>(call.net, call.x).forward(call); });
}

void run(const RnnBackwardData& call) {
  with_sums(call.net.rnn.type,
            [&](auto zero) { Computation<decltype(zero)>(call.net, call.x).backward_data(call); });
}

void run(const RnnBackwardWeights& call) {
  with_sums(call.net.rnn.type, [&](auto zero) {
    Computation<decltype(zero)>(call.net, call.x).backward_weights(call);
  });
}

}  // namespace nw::simulated::dnn
