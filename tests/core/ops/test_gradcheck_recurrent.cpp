#include <QtTest>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/packed_sequence.h"
#include "core/ops/recurrent_sequence.h"
#include "core/ops/slice.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int64_t kSteps = 3;
constexpr int64_t kBatch = 2;
constexpr int64_t kFeatures = 3;
constexpr int64_t kHidden = 4;

void append_weights(std::vector<Dims>& sizes, int64_t rows, int64_t state) {
  sizes.push_back({rows, kFeatures});
  sizes.push_back({rows, state});
  sizes.push_back({rows});
  sizes.push_back({rows});
}

/// Sizes of x, h_0 and c_0 and of the weights of one cell; `state`: of h.
std::vector<Dims> sizes_of(RecurrentCell cell, int64_t state) {
  const int64_t rows = gate_count(cell) * kHidden;
  std::vector<Dims> sizes{{kSteps, kBatch, kFeatures}, {1, kBatch, state}};
  if (cell == RecurrentCell::Lstm) sizes.push_back({1, kBatch, kHidden});
  append_weights(sizes, rows, state);
  if (state != kHidden) sizes.push_back({state, kHidden});
  return sizes;
}

Tensors all_of(const ops::RecurrentResult& result) {
  Tensors outputs{result.output, result.final.h};
  if (result.final.c.defined()) outputs.push_back(result.final.c);
  return outputs;
}

/// The inputs made small: tanh and sigmoid of complex numbers have poles, near which differences
/// tell nothing.
Tensors small(const Tensors& inputs) {
  Tensors out;
  for (const Tensor& x : inputs) out.push_back(x * 0.2);
  return out;
}

/// The weights of one cell from number `at` on.
ops::RecurrentWeights weights_at(const Tensors& t, size_t at) {
  return {t[at], t[at + 1], t[at + 2], t[at + 3], t.size() > at + 4 ? t[at + 4] : Tensor()};
}

/// One layer; the inputs lie as sizes_of() tells.
Tensors layer(RecurrentCell cell, const Tensors& t) {
  const bool lstm = cell == RecurrentCell::Lstm;
  return all_of(ops::recurrent(t[0], {}, {t[1], lstm ? t[2] : Tensor()},
                               std::array{weights_at(t, lstm ? 3 : 2)}, {.op = "row", .cell = cell},
                               default_generator()));
}

/// The same composed step by step, and backward in time.
Tensors composed(RecurrentCell cell, const Tensors& t) {
  const bool lstm = cell == RecurrentCell::Lstm;
  const auto result =
      ops::composed_sequence({cell, true, t[0].size(0), t[0].size(1), {}}, t[0],
                             {ops::select(t[1], 0, 0), lstm ? ops::select(t[2], 0, 0) : Tensor()},
                             weights_at(t, lstm ? 3 : 2));
  return all_of({result.y, result.final});
}

using Layer = Tensors (*)(RecurrentCell, const Tensors&);

GradRow layer_row(const char* name, Layer function, RecurrentCell cell, int64_t state = kHidden) {
  return {name,
          [=](const Tensors& t) { return function(cell, small(t)); },
          sizes_of(cell, state),
          {.takes_empty_batch = false,
           .takes_complex = cell != RecurrentCell::Relu,  // bends, which has no complex meaning
           .batched = {0}}};
}

/// Both directions over packed sequences, without states and biases.
Tensors packed(const Tensors& t) {
  const Tensor lengths = tensor_of<int64_t>(std::vector<int64_t>{2, 3}, {2});
  const auto sequences =
      ops::pack_padded_sequence(t[0], lengths, ops::BatchDim::Second, ops::SequenceOrder::Any);
  const std::array<ops::RecurrentWeights, 2> weights{
      {{t[1], t[2], {}, {}, {}}, {t[3], t[4], {}, {}, {}}}};
  const ops::RecurrentOptions options{
      .op = "row", .cell = RecurrentCell::Gru, .bidirectional = true};
  const auto result = ops::recurrent(sequences.data, sequences.batch_sizes, {}, weights, options,
                                     default_generator());
  ops::PackedSequence output = sequences;
  output.data = result.output;
  return {ops::pad_packed_sequence(output).output, result.final.h};
}

Tensors cell(RecurrentCell kind, const Tensors& t) {
  const bool lstm = kind == RecurrentCell::Lstm;
  const auto next =
      ops::recurrent_cell(kind, t[0], {t[1], lstm ? t[2] : Tensor()}, weights_at(t, lstm ? 3 : 2));
  return lstm ? Tensors{next.h, next.c} : Tensors{next.h};
}

GradRow cell_row(const char* name, RecurrentCell kind) {
  const int64_t rows = gate_count(kind) * kHidden;
  std::vector<Dims> sizes{{kBatch, kFeatures}, {kBatch, kHidden}};
  if (kind == RecurrentCell::Lstm) sizes.push_back({kBatch, kHidden});
  const std::vector<size_t> batched =
      kind == RecurrentCell::Lstm ? std::vector<size_t>{0, 1, 2} : std::vector<size_t>{0, 1};
  append_weights(sizes, rows, kHidden);
  return {name,
          [=](const Tensors& t) { return cell(kind, small(t)); },
          sizes,
          {.takes_complex = kind != RecurrentCell::Relu, .batched = batched}};
}

const std::vector<GradRow>& rows() {
  constexpr int64_t kGru = 3 * kHidden;
  static const std::vector<GradRow> all = {
      layer_row("RNN tanh", layer, RecurrentCell::Tanh),
      layer_row("RNN relu", layer, RecurrentCell::Relu),
      layer_row("LSTM", layer, RecurrentCell::Lstm),
      layer_row("LSTM projected", layer, RecurrentCell::Lstm, 2),
      layer_row("GRU", layer, RecurrentCell::Gru),
      layer_row("RNN by steps", composed, RecurrentCell::Tanh),
      layer_row("LSTM by steps", composed, RecurrentCell::Lstm),
      layer_row("LSTM projected by steps", composed, RecurrentCell::Lstm, 2),
      layer_row("GRU by steps", composed, RecurrentCell::Gru),
      {"packed GRU both ways",
       packed,
       {{kSteps, kBatch, kFeatures},
        {kGru, kFeatures},
        {kGru, kHidden},
        {kGru, kFeatures},
        {kGru, kHidden}},
       {.takes_batch_of_one = false, .takes_empty_batch = false}},
      cell_row("RNNCell tanh", RecurrentCell::Tanh),
      cell_row("RNNCell relu", RecurrentCell::Relu),
      cell_row("LSTMCell", RecurrentCell::Lstm),
      cell_row("GRUCell", RecurrentCell::Gru),
  };
  return all;
}

}  // namespace

class TestGradcheckRecurrent : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(rows()); }
  void gradients_are_right() { checked_ += check_row(rows()); }
  void cleanupTestCase() { std::printf("%d gradients checked\n", checked_); }

 private:
  int checked_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckRecurrent)
#include "test_gradcheck_recurrent.moc"
