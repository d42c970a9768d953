#include "core/nn/layers/recurrent_cell.h"

#include <cmath>

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/ops/shape.h"

namespace nw::nn {

RecurrentCellModule::RecurrentCellModule(std::string kind, RecurrentCell cell,
                                         const Options& options)
    : kind_(std::move(kind)), cell_(cell), options_(options) {
  NW_CHECK(options.input_size >= 0 && options.hidden_size >= 0, "[", kind_,
           "] input_size and hidden_size cannot be negative, are ", options.input_size, " and ",
           options.hidden_size);
  const int64_t rows = gate_count(cell) * options.hidden_size;
  weights_.ih = register_parameter("weight_ih", new_parameter(Dims{rows, options.input_size}));
  weights_.hh = register_parameter("weight_hh", new_parameter(Dims{rows, options.hidden_size}));
  const auto bias = [&] { return options.bias ? new_parameter(Dims{rows}) : Tensor(); };
  weights_.bias_ih = register_parameter("bias_ih", bias());
  weights_.bias_hh = register_parameter("bias_hh", bias());
  const double bound = 1 / std::sqrt(static_cast<double>(options.hidden_size));
  for (const Tensor& parameter : parameters()) init::uniform_(parameter, -bound, bound);
}

std::string RecurrentCellModule::extra_repr() const {
  std::string text = concat(options_.input_size, ", ", options_.hidden_size);
  if (!options_.bias) text += ", bias=False";
  if (cell_ == RecurrentCell::Relu) text += ", nonlinearity=relu";
  return text;
}

Tensor RecurrentCellModule::checked_state(const Tensor& state, const Tensor& rows, bool one,
                                          std::string_view name) const {
  const int64_t batch = rows.size(0);
  const int64_t hidden = options_.hidden_size;
  if (!state.defined()) return zeros(Dims{batch, hidden}, rows.dtype(), rows.device());
  const Tensor x = one ? ops::unsqueeze(state, 0) : state;
  // PyTorch looks at the first two sizes only, and lets what is left broadcast where it can.
  const bool fits = x.dim() >= 2 && x.size(0) == batch && x.size(1) == hidden;
  const bool flat = x.dim() == 2 || batch == 1 || name == "c_0";
  NW_CHECK(fits && flat, "[", kind_, "] expects ", name, " of ",
           to_string(one ? Dims{hidden} : Dims{batch, hidden}), ", gets ",
           to_string(state.sizes()));
  return x;
}

Tensors RecurrentCellModule::forward(const Tensors& inputs) {
  const Tensor& input = inputs[0];
  NW_CHECK(input.dim() == 1 || input.dim() == 2, "[", kind_,
           "] expects 1 dimension (features) or 2 with a batch, gets ", to_string(input.sizes()));
  if (input.sizes().back() != options_.input_size) {
    throw Error(concat("[", kind_, "] expects ", options_.input_size,
                       " features on the last dimension, gets ", input.sizes().back()),
                Remedy{"input_size", input.sizes().back()});
  }
  const bool lstm = cell_ == RecurrentCell::Lstm;
  const Tensor h = inputs.size() > 1 ? inputs[1] : Tensor();
  const Tensor c = lstm && inputs.size() > 2 ? inputs[2] : Tensor();
  NW_CHECK(!lstm || h.defined() == c.defined(), "[", kind_,
           "] expects h_0 and c_0 together, gets one of them");
  const bool one = input.dim() == 1;
  const Tensor rows = one ? ops::unsqueeze(input, 0) : input;
  ops::RecurrentState state{checked_state(h, rows, one, lstm ? "h_0" : "hidden"), {}};
  if (lstm) state.c = checked_state(c, rows, one, "c_0");
  state = ops::recurrent_cell(cell_, rows, state, weights_);
  const auto result = [&](const Tensor& x) { return one ? ops::squeeze(x, 0) : x; };
  if (lstm) return {result(state.h), result(state.c)};
  return {result(state.h)};
}

RNNCell::RNNCell(const Options& options, const std::string& nonlinearity)
    : RecurrentCellModule(
          "RNNCell", nonlinearity == "relu" ? RecurrentCell::Relu : RecurrentCell::Tanh, options) {
  NW_CHECK(nonlinearity == "tanh" || nonlinearity == "relu",
           "[RNNCell] expects nonlinearity 'tanh' or 'relu', gets '", nonlinearity, "'");
}

LSTMCell::LSTMCell(const Options& options)
    : RecurrentCellModule("LSTMCell", RecurrentCell::Lstm, options) {}

GRUCell::GRUCell(const Options& options)
    : RecurrentCellModule("GRUCell", RecurrentCell::Gru, options) {}

namespace {

RecurrentCellModule::Options options_of(const Args& args) {
  return {.input_size = args.is_none("input_size") ? 1 : args.integer("input_size"),
          .hidden_size = args.integer("hidden_size"),
          .bias = args.boolean("bias")};
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("input_size") && !input.empty()) args.set("input_size", input.back());
}

std::string caption(const Args& args) {
  const std::string hidden = std::to_string(args.integer("hidden_size"));
  if (args.is_none("input_size")) return "→ " + hidden;
  return std::to_string(args.integer("input_size")) + " → " + hidden;
}

/// `gates`: matrices of the cell.
int64_t multiply_adds_of(const Args& args, const Dims& input, int64_t gates) {
  const int64_t hidden = args.integer("hidden_size");
  return gates * hidden * (input.back() + hidden);
}

Port state_port(const char* name, const char* help) {
  Port port;
  port.name = name;
  port.help = help;
  port.optional = true;
  port.layout = "N hidden_size";
  port.argument = "hx";
  return port;
}

Block common_block() {
  Block block;
  block.category = "recurrent";
  block.icon = "recurrent";
  block.factory = true;
  block.params = {
      {.name = "input_size",
       .type = ParamType::Int,
       .help = "Features that come in: the size of the input's last dimension.",
       .min = 0,
       .usual_min = 1,
       .inferred = true,
       .required = true},
      {.name = "hidden_size",
       .type = ParamType::Int,
       .fallback = int64_t{128},
       .help = "Numbers in the state that goes from step to step.",
       .min = 0,
       .usual_min = 1,
       .required = true},
      {.name = "bias",
       .type = ParamType::Bool,
       .fallback = true,
       .help = "Whether learnable numbers are added to each gate."},
  };
  block.inputs = {{"input", "What one step brings (N, features)", false, "N input_size"},
                  state_port("hidden",
                             "State before the step (N, hidden_size); 0 if nothing is "
                             "connected")};
  block.outputs = {{"output", "State behind the step (N, hidden_size)", false}};
  block.infer = infer;
  block.caption = caption;
  return block;
}

}  // namespace

Block rnn_cell_block() {
  Block block = common_block();
  block.id = "RNNCell";
  block.torch_name = "nn.RNNCell";
  block.summary = "One step of an RNN: mixes what comes in with the state so far.";
  block.formula = "h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh)";
  block.when_to_use = "To wire steps one by one; for whole sequences RNN is faster.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html";
  block.params.push_back({.name = "nonlinearity",
                          .type = ParamType::Choice,
                          .fallback = std::string("tanh"),
                          .help = "What keeps the state in bounds; 'relu' does not.",
                          .choices = {"tanh", "relu"}});
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<RNNCell>(options_of(args), args.text("nonlinearity"));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 1);
  };
  return block;
}

Block lstm_cell_block() {
  Block block = common_block();
  block.id = "LSTMCell";
  block.torch_name = "nn.LSTMCell";
  block.summary = "One step of an LSTM: state and memory before the step to those behind it.";
  block.formula =
      "i, f, o = σ(W·x + U·h + b),  g = tanh(W·x + U·h + b)\n"
      "c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')";
  block.when_to_use = "To wire steps one by one; for whole sequences LSTM is faster.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html";
  block.inputs[1] =
      state_port("h_0", "State before the step (N, hidden_size); 0 if nothing is connected");
  block.inputs.push_back(
      state_port("c_0", "Memory before the step (N, hidden_size); needed with h_0"));
  block.outputs = {{"h_1", "State behind the step (N, hidden_size)", false},
                   {"c_1", "Memory behind the step (N, hidden_size)", true}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<LSTMCell>(options_of(args));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 4);
  };
  return block;
}

Block gru_cell_block() {
  Block block = common_block();
  block.id = "GRUCell";
  block.torch_name = "nn.GRUCell";
  block.summary = "One step of a GRU: mixes what comes in with the state so far through gates.";
  block.formula =
      "r, z = σ(W·x + U·h + b),  n = tanh(W·x + b + r ⊙ (U·h + b))\n"
      "h' = (1 − z) ⊙ n + z ⊙ h";
  block.when_to_use = "To wire steps one by one; for whole sequences GRU is faster.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html";
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<GRUCell>(options_of(args));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 3);
  };
  return block;
}

}  // namespace nw::nn
