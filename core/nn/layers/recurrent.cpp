#include "core/nn/layers/recurrent.h"

#include <cmath>

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"

namespace nw::nn {
namespace {

/// Input number `i`, which may be missing.
Tensor input_at(const Tensors& inputs, size_t i) {
  return i < inputs.size() ? inputs[i] : Tensor();
}

/// The states with their sequences in another order.
ops::RecurrentState reordered(const ops::RecurrentState& state, const Tensor& order) {
  const auto turn = [&](const Tensor& x) {
    return x.defined() && order.defined() ? ops::index_select(x, 1, raw::to(order, x.device())) : x;
  };
  return {turn(state.h), turn(state.c)};
}

/// For sequences without a batch: an initial state (cells, size) as that of one sequence.
ops::RecurrentState batched(const ops::RecurrentState& state, std::string_view op) {
  const auto widen = [&](const Tensor& x) {
    if (!x.defined()) return x;
    NW_CHECK(x.dim() == 2, "[", op,
             "] expects an initial state of 2 dimensions for an input of 2, ", "gets ",
             to_string(x.sizes()));
    return ops::unsqueeze(x, 1);
  };
  return {widen(state.h), widen(state.c)};
}

}  // namespace

RecurrentModule::RecurrentModule(std::string kind, RecurrentCell cell, const Options& options)
    : kind_(std::move(kind)), cell_(cell), options_(options) {
  check_options();
  const int64_t state = options.proj_size > 0 ? options.proj_size : options.hidden_size;
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    const int64_t features =
        layer == 0 ? options.input_size : state * (options.bidirectional ? 2 : 1);
    const std::string suffix = "_l" + std::to_string(layer);
    add_cell(features, suffix);
    if (options.bidirectional) add_cell(features, suffix + "_reverse");
  }
  const double bound = 1 / std::sqrt(static_cast<double>(options.hidden_size));
  for (const Tensor& parameter : parameters()) init::uniform_(parameter, -bound, bound);
}

void RecurrentModule::check_options() const {
  NW_CHECK(options_.dropout >= 0 && options_.dropout <= 1, "[", kind_,
           "] dropout must be between 0 and 1, is ", options_.dropout);
  NW_CHECK(options_.input_size >= 0, "[", kind_, "] input_size cannot be negative, is ",
           options_.input_size);
  NW_CHECK(options_.hidden_size >= 1, "[", kind_, "] hidden_size must be at least 1, is ",
           options_.hidden_size);
  NW_CHECK(options_.num_layers >= 1, "[", kind_, "] num_layers must be at least 1, is ",
           options_.num_layers);
  NW_CHECK(options_.proj_size >= 0 && options_.proj_size < options_.hidden_size, "[", kind_,
           "] proj_size must be less than hidden_size (", options_.hidden_size, "), is ",
           options_.proj_size);
}

void RecurrentModule::add_cell(int64_t features, const std::string& suffix) {
  const int64_t rows = gate_count(cell_) * options_.hidden_size;
  const bool projects = options_.proj_size > 0;
  const int64_t state = projects ? options_.proj_size : options_.hidden_size;
  ops::RecurrentWeights w;
  w.ih = register_parameter("weight_ih" + suffix, new_parameter(Dims{rows, features}));
  w.hh = register_parameter("weight_hh" + suffix, new_parameter(Dims{rows, state}));
  if (options_.bias) {
    w.bias_ih = register_parameter("bias_ih" + suffix, new_parameter(Dims{rows}));
    w.bias_hh = register_parameter("bias_hh" + suffix, new_parameter(Dims{rows}));
  }
  if (projects) {
    w.hr =
        register_parameter("weight_hr" + suffix, new_parameter(Dims{state, options_.hidden_size}));
  }
  weights_.push_back(std::move(w));
}

std::string RecurrentModule::extra_repr() const {
  std::string text = concat(options_.input_size, ", ", options_.hidden_size);
  if (options_.proj_size != 0) text += concat(", proj_size=", options_.proj_size);
  if (options_.num_layers != 1) text += concat(", num_layers=", options_.num_layers);
  if (!options_.bias) text += ", bias=False";
  if (options_.batch_first) text += ", batch_first=True";
  if (options_.dropout != 0) text += ", dropout=" + to_python(Value(options_.dropout));
  if (options_.bidirectional) text += ", bidirectional=True";
  return text;
}

Tensors RecurrentModule::forward(const Tensors& inputs) {
  const Tensor& input = inputs[0];
  const bool lstm = cell_ == RecurrentCell::Lstm;
  ops::RecurrentState initial{input_at(inputs, 1), lstm ? input_at(inputs, 2) : Tensor()};
  const Tensor lengths = input_at(inputs, lstm ? 3 : 2);
  NW_CHECK(input.dim() == 2 || input.dim() == 3, "[", kind_,
           "] expects 2 dimensions (time, features) or 3 with a batch, gets ",
           to_string(input.sizes()));
  if (input.dim() == 3) return forward_padded(input, initial, lengths);
  NW_CHECK(!lengths.defined(), "[", kind_,
           "] expects a batch of sequences where there are lengths, ", "gets one sequence of ",
           to_string(input.sizes()));
  const auto result = run(ops::unsqueeze(input, 1), {}, batched(initial, kind_));
  Tensors outputs{ops::squeeze(result.output, 1), ops::squeeze(result.final.h, 1)};
  if (lstm) outputs.push_back(ops::squeeze(result.final.c, 1));
  return outputs;
}

Tensors RecurrentModule::forward_padded(const Tensor& input, const ops::RecurrentState& initial,
                                        const Tensor& lengths) {
  const bool first = options_.batch_first;
  if (lengths.defined()) {
    const int64_t batch = input.size(first ? 0 : 1);
    NW_CHECK(lengths.dtype() == DType::Int64 && lengths.sizes() == Dims{batch}, "[", kind_,
             "] expects lengths as int64 ", batch, ", gets ", describe(lengths));
  }
  if (lengths.defined() && lengths.device() != kMeta) {
    const auto batch = first ? ops::BatchDim::First : ops::BatchDim::Second;
    const auto packed =
        ops::pack_padded_sequence(input, raw::to(lengths, kCpu), batch, ops::SequenceOrder::Any);
    const PackedResult result = forward(packed, initial);
    const int64_t steps = input.size(first ? 1 : 0);
    return results(ops::pad_packed_sequence(result.output, batch, 0, steps).output, result.final);
  }
  // On meta the lengths are not known. They do not change any size.
  const auto result = run(first ? ops::transpose(input, 0, 1) : input, {}, initial);
  return results(first ? ops::transpose(result.output, 0, 1) : result.output, result.final);
}

RecurrentModule::PackedResult RecurrentModule::forward(const ops::PackedSequence& input,
                                                       const ops::RecurrentState& initial) {
  const int64_t batch = input.batch_sizes.data<int64_t>()[0];
  for (const Tensor& state : {initial.h, initial.c}) {
    NW_CHECK(!state.defined() || (state.dim() == 3 && state.size(1) == batch), "[", kind_,
             "] expects initial states of ", batch, " sequences, gets ", to_string(state.sizes()));
  }
  const auto result = run(input.data, input.batch_sizes, reordered(initial, input.sorted_indices));
  ops::PackedSequence output = input;
  output.data = result.output;
  return {output, reordered(result.final, input.unsorted_indices)};
}

ops::RecurrentResult RecurrentModule::run(const Tensor& x, const Tensor& batch_sizes,
                                          const ops::RecurrentState& initial) const {
  return ops::recurrent(x, batch_sizes, initial, weights_,
                        {.op = kind_,
                         .cell = cell_,
                         .layers = options_.num_layers,
                         .bidirectional = options_.bidirectional,
                         .dropout = training() ? options_.dropout : 0},
                        default_generator());
}

Tensors RecurrentModule::results(const Tensor& output, const ops::RecurrentState& final) const {
  Tensors all{output, final.h};
  if (cell_ == RecurrentCell::Lstm) all.push_back(final.c);
  return all;
}

namespace {

RecurrentCell cell_of(const std::string& nonlinearity) {
  NW_CHECK(nonlinearity == "tanh" || nonlinearity == "relu",
           "[RNN] expects nonlinearity 'tanh' or 'relu', gets '", nonlinearity, "'");
  return nonlinearity == "relu" ? RecurrentCell::Relu : RecurrentCell::Tanh;
}

void check_unprojected(std::string_view kind, const RecurrentModule::Options& options) {
  NW_CHECK(options.proj_size == 0, "[", kind, "] takes no proj_size; only LSTM does");
}

}  // namespace

RNN::RNN(const Options& options, const std::string& nonlinearity)
    : RecurrentModule("RNN", cell_of(nonlinearity), options) {
  check_unprojected("RNN", options);
}

LSTM::LSTM(const Options& options) : RecurrentModule("LSTM", RecurrentCell::Lstm, options) {}

GRU::GRU(const Options& options) : RecurrentModule("GRU", RecurrentCell::Gru, options) {
  check_unprojected("GRU", options);
}

}  // namespace nw::nn
