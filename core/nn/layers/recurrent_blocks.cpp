#include "core/nn/layers/recurrent.h"

namespace nw::nn {
namespace {

RecurrentModule::Options options_of(const Args& args) {
  return {.input_size = args.is_none("input_size") ? 1 : args.integer("input_size"),
          .hidden_size = args.integer("hidden_size"),
          .num_layers = args.integer("num_layers"),
          .bias = args.boolean("bias"),
          .batch_first = args.boolean("batch_first"),
          .dropout = args.real("dropout"),
          .bidirectional = args.boolean("bidirectional"),
          .proj_size = args.has("proj_size") ? args.integer("proj_size") : 0};
}

int64_t directions_of(const Args& args) {
  return args.boolean("bidirectional") ? 2 : 1;
}

int64_t projection_of(const Args& args) {
  return args.has("proj_size") ? args.integer("proj_size") : 0;
}

int64_t state_of(const Args& args) {
  const int64_t projection = projection_of(args);
  return projection > 0 ? projection : args.integer("hidden_size");
}

void infer(const Dims& input, Args& args) {
  if (args.is_none("input_size") && input.size() >= 2) args.set("input_size", input.back());
}

std::string caption(const Args& args) {
  std::string text = "→ " + std::to_string(directions_of(args) * state_of(args));
  if (!args.is_none("input_size")) {
    text = std::to_string(args.integer("input_size")) + " " + text;
  }
  const int64_t layers = args.integer("num_layers");
  if (layers > 1) text += concat(" · ", layers, " layers");
  if (args.boolean("bidirectional")) text += " · both ways";
  return text;
}

/// Of all steps, layers and directions; `gates`: matrices of one cell.
int64_t multiply_adds_of(const Args& args, const Dims& input, int64_t gates) {
  const int64_t hidden = args.integer("hidden_size");
  const int64_t state = state_of(args);
  const int64_t directions = directions_of(args);
  int64_t total = 0;
  int64_t features = input.back();
  for (int64_t layer = 0; layer < args.integer("num_layers"); ++layer) {
    total += directions * (gates * hidden * (features + state) + projection_of(args) * hidden);
    features = directions * state;
  }
  const int64_t steps = input.back() > 0 ? numel(input) / input.back() : 0;
  return total * steps;
}

std::string states_layout(const Args& args, int64_t width) {
  return concat(args.integer("num_layers") * directions_of(args), " N ", width);
}

std::string sequence_layout(const Args& args) {
  return args.boolean("batch_first") ? "N T input_size" : "T N input_size";
}

std::vector<Param> common_params() {
  return {
      {.name = "input_size",
       .type = ParamType::Int,
       .help = "Features of each step that come in: the size of the input's last dimension.",
       .min = 0,
       .usual_min = 1,
       .inferred = true,
       .required = true},
      {.name = "hidden_size",
       .type = ParamType::Int,
       .fallback = int64_t{128},
       .help = "Numbers that a layer remembers from step to step, and gives at each step.",
       .min = 1,
       .required = true},
      {.name = "num_layers",
       .type = ParamType::Int,
       .fallback = int64_t{1},
       .help = "Layers on top of one another; each reads what the one below gives.",
       .min = 1},
      {.name = "bias",
       .type = ParamType::Bool,
       .fallback = true,
       .help = "Whether learnable numbers are added to each gate.",
       .strict = true},
      {.name = "batch_first",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Whether sequences come as (N, time, features), as from a data set; otherwise as "
               "(time, N, features).",
       .strict = true},
      {.name = "dropout",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "While training, the probability with which a number between two layers becomes 0; "
               "without effect on one layer.",
       .min = 0,
       .max = 1,
       .strict = true},
      {.name = "bidirectional",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Whether each layer also reads the sequence from its end; what both give is joined.",
       .strict = true},
  };
}

Port state_port(const char* name, const char* help, std::string (*layout)(const Args&)) {
  Port port;
  port.name = name;
  port.help = help;
  port.optional = true;
  port.layout_of = layout;
  port.argument = "hx";
  return port;
}

Port hidden_port() {
  return state_port("h_0",
                    "Hidden state before the first step (layers · directions, N, size); 0 if "
                    "nothing is connected",
                    [](const Args& args) { return states_layout(args, state_of(args)); });
}

Port lengths_port() {
  Port port;
  port.name = "lengths";
  port.help =
      "Length of each sequence (N), whole numbers from 1 to the number of steps: what lies behind "
      "is padding, which is not read and gives 0. As PyTorch's pack_padded_sequence before and "
      "pad_packed_sequence after the layer";
  port.optional = true;
  port.layout = "N";
  port.numbers = PortNumbers::Lengths;
  port.below = "T";
  return port;
}

Block common_block() {
  Block block;
  block.category = "recurrent";
  block.icon = "recurrent";
  block.factory = true;
  block.params = common_params();
  Port input;
  input.name = "input";
  input.help = "Sequences (time, N, features), or (N, time, features) with batch_first";
  input.layout = "T N input_size";
  input.layout_of = sequence_layout;
  block.inputs = {input, hidden_port()};
  block.outputs = {
      {"output", "What the last layer gives at each step, both directions joined", false},
      {"h_n", "Hidden state behind the last step (layers · directions, N, size)", true}};
  block.draws_random = true;
  block.infer = infer;
  block.caption = caption;
  return block;
}

}  // namespace

Block rnn_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "recurrent, sequence, time series, Elman";
  block.id = "RNN";
  block.torch_name = "nn.RNN";
  block.summary = "Reads sequences step by step and carries a state along: the plainest cell.";
  block.formula = "hₜ = tanh(W_ih·xₜ + b_ih + W_hh·hₜ₋₁ + b_hh)";
  block.when_to_use =
      "For short sequences and to see how recurrent layers work. LSTM and GRU remember longer.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.RNN.html";
  // torch takes it by its name only.
  block.params.insert(block.params.begin() + 3,
                      {.name = "nonlinearity",
                       .type = ParamType::Choice,
                       .fallback = std::string("tanh"),
                       .help = "What keeps the state in bounds; 'relu' does not, and can blow up.",
                       .choices = {"tanh", "relu"},
                       .keyword_only = true});
  block.inputs.push_back(lengths_port());
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<RNN>(options_of(args), args.text("nonlinearity"));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 1);
  };
  return block;
}

Block lstm_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "recurrent, sequence, time series, long short-term memory";
  block.id = "LSTM";
  block.torch_name = "nn.LSTM";
  block.summary =
      "Reads sequences step by step with a memory that gates protect: long short-term memory.";
  block.formula =
      "i, f, o = σ(W·xₜ + U·hₜ₋₁ + b),  g = tanh(W·xₜ + U·hₜ₋₁ + b)\n"
      "cₜ = f ⊙ cₜ₋₁ + i ⊙ g,  hₜ = o ⊙ tanh(cₜ)";
  block.when_to_use =
      "For text, sensor data and other sequences in which early steps matter later on.";
  block.reference = "https://www.bioinf.jku.at/publications/older/2604.pdf";
  block.params.push_back(
      {.name = "proj_size",
       .type = ParamType::Int,
       .fallback = int64_t{0},
       .help = "Size to which each hidden state is projected, less than hidden_size; 0: it is not.",
       .min = 0});
  block.constraints = {{"proj_size must be less than hidden_size", [](const Args& args) {
                          return args.integer("proj_size") < args.integer("hidden_size");
                        }}};
  block.inputs.push_back(state_port(
      "c_0", "Memory before the first step (layers · directions, N, hidden_size); needed with h_0",
      [](const Args& args) { return states_layout(args, args.integer("hidden_size")); }));
  block.inputs.push_back(lengths_port());
  block.outputs.push_back(
      {"c_n", "Memory behind the last step (layers · directions, N, hidden_size)", true});
  // PyTorch gives output, (h_n, c_n).
  for (size_t i : {1, 2}) block.outputs[i].argument = "hx";
  // torch gives output, (h_n, c_n).
  for (size_t i : {1, 2}) block.outputs[i].argument = "hx";
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<LSTM>(options_of(args));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 4);
  };
  return block;
}

Block gru_block() {
  Block block = common_block();
  block.common = true;
  block.synonyms = "recurrent, sequence, time series, gated recurrent unit";
  block.id = "GRU";
  block.torch_name = "nn.GRU";
  block.summary = "Reads sequences step by step; two gates decide what to forget and what to take.";
  block.formula =
      "r, z = σ(W·xₜ + U·hₜ₋₁ + b),  n = tanh(W·xₜ + b + r ⊙ (U·hₜ₋₁ + b))\n"
      "hₜ = (1 − z) ⊙ n + z ⊙ hₜ₋₁";
  block.when_to_use = "Where an LSTM would do, with a quarter fewer weights.";
  block.reference = "https://arxiv.org/abs/1406.1078";
  block.inputs.push_back(lengths_port());
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<GRU>(options_of(args));
  };
  block.multiply_adds = [](const Args& args, const Dims& input, const Dims&) {
    return multiply_adds_of(args, input, 3);
  };
  return block;
}

}  // namespace nw::nn
