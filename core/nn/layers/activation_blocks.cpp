#include "core/nn/layers/activation.h"

namespace nw::nn {
namespace {

/// What a person reads of an activation.
struct Texts {
  const char* id;
  const char* summary;
  const char* formula;
  const char* when_to_use;
};

/// Ports, shelf and texts, which all have.
Block block_of(const Texts& texts) {
  Block block;
  block.id = texts.id;
  block.torch_name = concat("nn.", texts.id);
  block.category = "activation";
  block.icon = "activation";
  block.summary = texts.summary;
  block.formula = texts.formula;
  block.when_to_use = texts.when_to_use;
  block.reference =
      concat("https://pytorch.org/docs/stable/generated/torch.nn.", texts.id, ".html");
  block.inputs = {{"input", "Numbers of any sizes", false}};
  block.outputs = {{"output", "Numbers of the same sizes", false}};
  return block;
}

Param inplace_param() {
  return {.name = "inplace",
          .type = ParamType::Bool,
          .fallback = false,
          .help = "Overwrites its input, which saves memory; nothing else may read that input."};
}

/// An activation without parameters, or with `inplace` only.
template <typename Activation>
Block plain(const Texts& texts) {
  Block block = block_of(texts);
  if constexpr (std::is_base_of_v<PlainActivation, Activation>) {
    block.params = {inplace_param()};
    block.make = [](const Args& args) -> std::unique_ptr<Module> {
      return std::make_unique<Activation>(
          typename Activation::Options{.inplace = args.boolean("inplace")});
    };
  } else {
    block.make = [](const Args&) -> std::unique_ptr<Module> {
      return std::make_unique<Activation>();
    };
  }
  return block;
}

Block relu() {
  Block block =
      plain<ReLU>({"ReLU", "Keeps what is positive and writes 0 for the rest.", "y = max(0, x)",
                   "The first choice between two layers: fast, and its gradient does not fade."});
  block.icon = "relu";
  block.common = true;
  block.synonyms = "rectified linear unit, rectifier";
  return block;
}

Block tanh() {
  Block block = plain<Tanh>({"Tanh", "Bends numbers smoothly into the range from −1 to 1.",
                             "y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
                             "In small or classic networks, and where outputs are centred on 0."});
  block.icon = "tanh";
  block.common = true;
  block.synonyms = "hyperbolic tangent";
  return block;
}

Block sigmoid() {
  Block block = plain<Sigmoid>(
      {"Sigmoid", "Bends numbers smoothly into the range from 0 to 1.", "y = 1 / (1 + e⁻ˣ)",
       "For gates, and for outputs that are read as independent probabilities."});
  block.icon = "sigmoid";
  block.common = true;
  block.synonyms = "logistic";
  return block;
}

/// ELU and CELU.
template <typename Activation>
Block exponential(const Texts& texts) {
  Block block = block_of(texts);
  block.params = {{.name = "alpha",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "The depth that y approaches below 0 is −alpha.",
                   .usual_min = 0},
                  inplace_param()};
  if (std::is_same_v<Activation, CELU>) {
    block.constraints = {
        {"alpha must not be 0", [](const Args& args) { return args.real("alpha") != 0; }}};
  }
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Activation>(typename Activation::Options{
        .alpha = args.real("alpha"), .inplace = args.boolean("inplace")});
  };
  block.caption = [](const Args& args) { return concat("α ", args.real("alpha")); };
  return block;
}

Block silu() {
  Block block =
      plain<SiLU>({"SiLU", "Lets each number pass through its own gate; also called swish.",
                   "y = x · sigmoid(x)", "In modern image networks, instead of ReLU."});
  block.common = true;
  return block;
}

Block leaky_relu() {
  Block block =
      block_of({"LeakyReLU", "ReLU that lets a small part of negative numbers pass.",
                "y = x above 0, else slope·x",
                "Where units of ReLU die: none stays without a gradient. Common in GANs."});
  block.icon = "relu";
  block.params = {{.name = "negative_slope",
                   .type = ParamType::Real,
                   .fallback = 0.01,
                   .help = "What negative numbers are multiplied with."},
                  inplace_param()};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<LeakyReLU>(LeakyReLU::Options{
        .negative_slope = args.real("negative_slope"), .inplace = args.boolean("inplace")});
  };
  block.caption = [](const Args& args) { return concat("slope ", args.real("negative_slope")); };
  block.common = true;
  return block;
}

Block rrelu() {
  Block block = block_of(
      {"RReLU", "LeakyReLU whose slope is drawn anew for each number while training.",
       "y = x above 0, else r·x,  r drawn from [lower, upper); afterwards r = (lower + upper) / 2",
       "In place of LeakyReLU where few samples are overfitted: chance keeps units from "
       "agreeing."});
  block.icon = "relu";
  const auto end = [](const char* name, double fallback, const char* help) {
    return Param{.name = name, .type = ParamType::Real, .fallback = fallback, .help = help};
  };
  block.params = {end("lower", 1.0 / 8, "The smallest slope that is drawn."),
                  end("upper", 1.0 / 3, "Where the slopes that are drawn end."), inplace_param()};
  block.draws_random = true;
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<RReLU>(RReLU::Options{.lower = args.real("lower"),
                                                  .upper = args.real("upper"),
                                                  .inplace = args.boolean("inplace")});
  };
  return block;
}

Block prelu() {
  Block block =
      block_of({"PReLU", "LeakyReLU that learns its slope.", "y = x above 0, else a·x",
                "In deep image networks, where a slope for each channel is worth learning."});
  block.factory = true;
  block.icon = "relu";
  block.params = {{.name = "num_parameters",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "1: one slope for all; else as many as there are channels.",
                   .min = 0,
                   .usual_min = 1},
                  {.name = "init",
                   .type = ParamType::Real,
                   .fallback = 0.25,
                   .help = "The slope to start from."}};
  block.inputs[0].layout_of = [](const Args& args) -> std::string {
    return args.integer("num_parameters") == 1 ? "*" : "N num_parameters *";
  };
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<PReLU>(PReLU::Options{.num_parameters = args.integer("num_parameters"),
                                                  .init = args.real("init")});
  };
  block.caption = [](const Args& args) {
    const int64_t count = args.integer("num_parameters");
    return count == 1 ? std::string() : concat(count, " slopes");
  };
  return block;
}

Block gelu() {
  Block block = block_of({"GELU", "Lets each number pass as far as it is large among normal ones.",
                          "y = x · Φ(x)", "In transformers, between the two linear layers."});
  block.params = {{.name = "approximate",
                   .type = ParamType::Choice,
                   .fallback = std::string("none"),
                   .help = "'tanh' computes a close approximation, as GPT-2 does.",
                   .choices = {"none", "tanh"}}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<GELU>(GELU::Options{.approximate = args.text("approximate")});
  };
  block.common = true;
  return block;
}

Block softplus() {
  Block block = block_of({"Softplus", "A ReLU without the corner; always positive.",
                          "y = ln(1 + e^(β·x)) / β",
                          "For outputs that must be positive, such as a variance."});
  block.params = {{.name = "beta",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "The larger, the closer to ReLU.",
                   .usual_min = 0},
                  {.name = "threshold",
                   .type = ParamType::Real,
                   .fallback = 20.0,
                   .help = "Where β·x is above it, y is x itself."}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Softplus>(
        Softplus::Options{.beta = args.real("beta"), .threshold = args.real("threshold")});
  };
  return block;
}

Block threshold() {
  Block block = block_of({"Threshold", "Keeps what is above a threshold and replaces the rest.",
                          "y = x above the threshold, else value",
                          "To cut off small responses at a level of your choice."});
  block.params = {{.name = "threshold",
                   .type = ParamType::Real,
                   .fallback = 0.0,
                   .help = "Numbers up to it are replaced.",
                   .required = true},
                  {.name = "value",
                   .type = ParamType::Real,
                   .fallback = 0.0,
                   .help = "What they are replaced by.",
                   .required = true},
                  inplace_param()};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Threshold>(Threshold::Options{.threshold = args.real("threshold"),
                                                          .value = args.real("value"),
                                                          .inplace = args.boolean("inplace")});
  };
  return block;
}

Block hardtanh() {
  Block block =
      block_of({"Hardtanh", "Cuts numbers off at both ends.", "y = min(max(x, min_val), max_val)",
                "A cheap Tanh, and to keep numbers in a range."});
  block.params = {{.name = "min_val",
                   .type = ParamType::Real,
                   .fallback = -1.0,
                   .help = "The least number that comes out."},
                  {.name = "max_val",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "The greatest number that comes out."},
                  inplace_param()};
  block.constraints = {{"min_val must be below max_val", [](const Args& args) {
                          return args.real("min_val") < args.real("max_val");
                        }}};
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Hardtanh>(Hardtanh::Options{.min_val = args.real("min_val"),
                                                        .max_val = args.real("max_val"),
                                                        .inplace = args.boolean("inplace")});
  };
  return block;
}

/// Hardshrink and Softshrink.
template <typename Activation>
Block shrink(const Texts& texts) {
  Block block = block_of(texts);
  block.params = {{.name = "lambd",
                   .type = ParamType::Real,
                   .fallback = 0.5,
                   .help = "Numbers from −lambd to lambd become 0.",
                   .usual_min = 0}};
  // PyTorch asks it of Softshrink only.
  if (std::is_same_v<Activation, Softshrink>) block.params[0].min = 0;
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<Activation>(typename Activation::Options{.lambd = args.real("lambd")});
  };
  block.caption = [](const Args& args) { return concat("λ ", args.real("lambd")); };
  return block;
}

Block glu() {
  Block block = block_of({"GLU", "Lets one half of the features open gates for the other half.",
                          "y = a · sigmoid(b),  x = (a, b)",
                          "In convolutional and transformer networks for sequences."});
  block.outputs[0].help = "Half as many numbers along the dimension";
  block.params = {{.name = "dim",
                   .type = ParamType::Int,
                   .fallback = int64_t{-1},
                   .help = "The dimension that is halved; its size must be even.",
                   .min = -8,
                   .max = 7}};
  block.inputs[0].layout_of = [](const Args& args) -> std::string {
    switch (args.integer("dim")) {
      case 0:
        return "4 *";
      case 1:
      case -2:
        return "N 6 C";
      case -1:
        return "* 2";
      default:
        return "2 2 4 2";
    }
  };
  block.make = [](const Args& args) -> std::unique_ptr<Module> {
    return std::make_unique<GLU>(GLU::Options{.dim = args.integer("dim")});
  };
  block.caption = [](const Args& args) { return concat("dim ", args.integer("dim")); };
  return block;
}

}  // namespace

std::vector<Block> activation_blocks() {
  return {
      relu(),
      leaky_relu(),
      rrelu(),
      prelu(),
      plain<ReLU6>({"ReLU6", "ReLU that does not exceed 6.", "y = min(max(0, x), 6)",
                    "In networks for phones, which compute with few bits."}),
      exponential<ELU>({"ELU", "ReLU with a smooth, negative floor.",
                        "y = x above 0, else α·(eˣ − 1)",
                        "Instead of ReLU, to keep the mean of what flows near 0."}),
      plain<SELU>({"SELU", "ELU whose numbers keep mean 0 and variance 1 from layer to layer.",
                   "y = λ·(x above 0, else α·(eˣ − 1))",
                   "In deep networks of Linear layers without normalisation, with AlphaDropout."}),
      exponential<CELU>({"CELU", "ELU whose slope has no jump at 0, whatever its depth.",
                         "y = max(0, x) + min(0, α·(e^(x/α) − 1))",
                         "Instead of ELU when alpha is not 1."}),
      gelu(),
      silu(),
      plain<Mish>({"Mish", "Smooth, and lets a little of negative numbers pass.",
                   "y = x · tanh(ln(1 + eˣ))", "In object detectors; close to SiLU."}),
      tanh(),
      sigmoid(),
      plain<LogSigmoid>({"LogSigmoid", "The logarithm of Sigmoid, without underflow.",
                         "y = ln(1 / (1 + e⁻ˣ))", "In losses that add up log-probabilities."}),
      softplus(),
      plain<Softsign>({"Softsign", "A Tanh that approaches its ends slowly.", "y = x / (1 + |x|)",
                       "Instead of Tanh, where its gradient fades too fast."}),
      hardtanh(),
      plain<Hardsigmoid>({"Hardsigmoid", "Sigmoid made of three straight lines.",
                          "y = min(max(x/6 + 1/2, 0), 1)", "A cheap Sigmoid for small devices."}),
      plain<Hardswish>({"Hardswish", "SiLU made of straight lines and a parabola.",
                        "y = x · min(max(x + 3, 0), 6) / 6", "A cheap SiLU, as in MobileNetV3."}),
      shrink<Hardshrink>({"Hardshrink", "Writes 0 for small numbers and keeps the others.",
                          "y = 0 where |x| ≤ λ, else x", "To make codes sparse."}),
      shrink<Softshrink>({"Softshrink", "Moves all numbers towards 0, small ones onto it.",
                          "y = sign(x) · max(|x| − λ, 0)", "In sparse coding, as its exact step."}),
      plain<Tanhshrink>(
          {"Tanhshrink", "What Tanh takes away.", "y = x − tanh(x)", "In sparse coding."}),
      threshold(),
      glu(),
  };
}

}  // namespace nw::nn
