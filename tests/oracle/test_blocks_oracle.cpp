#include <QtTest>
#include <cstdio>
#include <sstream>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/block.h"
#include "core/nn/init.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 200;

/// One drawn situation of one block.
struct Case {
  const nn::Block& block;
  nn::Args args;
  DType dtype;
  bool training;
  bool regular;  // a batch of inputs as the ports' layouts say
  uint64_t seed;
  Tensors inputs;
  std::string call;

  std::string text() const {
    std::string sizes;
    for (const Tensor& input : inputs) sizes += " " + describe(input);
    return concat(call, training ? " training" : " evaluating", " seed ", seed, " on", sizes);
  }
};

/// What one implementation made of a case, or why it refused.
struct Outcome {
  std::string error;
  std::unique_ptr<nn::Module> module;
  Tensor y;
};

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

/// How many classes the class weights among the arguments speak of; 0: there are none.
int64_t weighted_classes(const nn::Block& block, const nn::Args& args) {
  for (const nn::Param& param : block.params) {
    const nn::Value* value = args.find(param.name);
    const auto* text = param.real_list && value ? std::get_if<std::string>(value) : nullptr;
    if (text != nullptr) return static_cast<int64_t>(nn::real_list(*text).size());
  }
  return 0;
}

Dims draw_sizes(Draw& draw, const nn::Block& block, const nn::Args& args, const nn::Port& port) {
  Dims sizes;
  for (const std::string& word : words(port.layout)) {
    const nn::Value* value = args.find(word);
    if (word == "*") {
      const int64_t count = draw.integer(0, 3);
      for (int64_t i = 0; i < count; ++i) sizes.push_back(draw.integer(1, 5));
    } else if (value != nullptr) {
      sizes.push_back(std::get<int64_t>(*value));
    } else if (word == "C" && weighted_classes(block, args) > 0) {
      sizes.push_back(weighted_classes(block, args));
    } else if (word == "H" || word == "W") {
      sizes.push_back(draw.integer(1, 14));
    } else {
      sizes.push_back(draw.integer(1, 5));
    }
  }
  return sizes;
}

/// Now and then sizes that the block may refuse: no batch, an empty one, one off, one too many.
void tamper(Draw& draw, Dims& sizes) {
  if (sizes.empty()) return;
  const auto at = static_cast<size_t>(draw.integer(0, static_cast<int64_t>(sizes.size()) - 1));
  switch (draw.integer(0, 3)) {
    case 0:
      sizes.erase(0);
      break;
    case 1:
      sizes[0] = 0;
      break;
    case 2:
      sizes[at] += 1;
      break;
    default:
      if (sizes.size() < 6) sizes.insert(at, 1);
  }
}

/// The same numbers, in memory in another order.
Tensor scattered(const Tensor& x) {
  const Dims& sizes = x.sizes();
  const size_t rank = sizes.size();
  Dims strides(rank);
  int64_t step = 2;  // leaves gaps, too
  for (size_t i = 0; i < rank; ++i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  const Tensor room = zeros(Dims{step + 1}, x.dtype(), kCpu);
  const Tensor view = room.as_strided(sizes, strides, 1);
  raw::copy_(view, x);
  return view;
}

Tensor leaf(Draw& draw, const Dims& sizes, DType dtype) {
  const Tensor dense = draw.numbers(sizes, dtype);
  const Tensor x = draw.chance(0.3) ? scattered(dense) : dense;
  x.set_requires_grad();
  return x;
}

/// Where among the dimensions of a layout the classes lie; −1: nowhere.
int64_t class_dimension(const std::string& layout) {
  const auto names = words(layout);
  const auto it = std::find(names.begin(), names.end(), "C");
  return it == names.end() ? -1 : it - names.begin();
}

Tensor draw_classes(Draw& draw, const nn::Block& block, const nn::Args& args, const Tensor& first) {
  auto at = static_cast<size_t>(std::max<int64_t>(class_dimension(block.inputs[0].layout), 0));
  if (at >= first.sizes().size()) at = 0;
  Dims sizes = first.sizes();
  const int64_t count = sizes.empty() ? 1 : std::max<int64_t>(sizes[at], 1);
  if (!sizes.empty()) sizes.erase(at);
  const Tensor target = draw.classes(sizes, count);
  if (target.numel() == 0) return target;
  if (args.has("ignore_index")) {
    for (int64_t i = 0; i < target.numel(); ++i) {
      if (draw.chance(0.2))
        target.data<int64_t>()[i] = std::get<int64_t>(*args.find("ignore_index"));
    }
  }
  if (draw.chance(0.1)) target.data<int64_t>()[0] = draw.chance(0.5) ? count : -1;
  return target;
}

Case draw_case(Draw& draw, const nn::Block& block) {
  Case drawn{block,
             draw.args(block),
             draw.chance(0.5) ? DType::Float32 : DType::Float64,
             draw.chance(0.5),
             true,
             draw.seed() % 100'000,
             {},
             {}};
  for (const nn::Port& port : block.inputs) {
    const bool classes = port.numbers == nn::PortNumbers::Classes;
    if (classes && draw.chance(0.7)) {
      drawn.inputs.push_back(draw_classes(draw, block, drawn.args, drawn.inputs[0]));
      continue;
    }
    const bool follows = port.layout == "=" || classes;
    Dims sizes = follows ? drawn.inputs[0].sizes() : draw_sizes(draw, block, drawn.args, port);
    if (draw.chance(0.1)) {
      tamper(draw, sizes);
      drawn.regular = false;
    }
    drawn.inputs.push_back(leaf(draw, sizes, drawn.dtype));
  }
  drawn.call = python_call(block, drawn.args);
  return drawn;
}

Outcome run_ours(const Case& drawn) {
  Outcome outcome;
  try {
    const nn::DTypeGuard guard(drawn.dtype);
    manual_seed(drawn.seed);
    outcome.module = drawn.block.make(drawn.block.complete(drawn.args));
    outcome.module->train(drawn.training);
    outcome.y = outcome.module->forward(drawn.inputs)[0];
  } catch (const Error& error) {
    outcome.error = error.text();
  }
  return outcome;
}

std::string names_and_sizes(const nn::Module& module) {
  std::string text;
  for (const auto& [key, tensor] : module.state_dict().entries) {
    text += key;
    for (int64_t size : tensor.sizes()) text += " " + std::to_string(size);
    text += "; ";
  }
  return text;
}

std::string code_of(const Case& drawn, bool backward) {
  std::ostringstream code;
  code << "torch.set_default_dtype(torch." << name(drawn.dtype) << ")\n"
       << "torch.manual_seed(" << drawn.seed << ")\n"
       << "m = " << drawn.call << "\n"
       << "names = ''\n"
       << "for i, (key, value) in enumerate(m.state_dict().items()):\n"
       << "    names += ' '.join([key] + [str(size) for size in value.shape]) + '; '\n"
       << "    globals()[f'first{i}'] = value.clone()\n"
       << "m.train(" << (drawn.training ? "True" : "False") << ")\n";
  std::string inputs;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    const std::string x = "x" + std::to_string(i);
    inputs += (i ? ", " : "") + x;
    if (drawn.inputs[i].requires_grad()) code << x << ".requires_grad_()\n";
  }
  // An inplace module may not write on a leaf: a product with 1 stands for the layer before.
  code << "y = m(" << (drawn.args.has("inplace") ? "x0 * 1" : inputs) << ")\n";
  if (!backward) return code.str();
  code << "y.backward(g)\n"
       << "grad_of = lambda t: torch.empty(0) if t.grad is None else t.grad\n"
       << "for i, p in enumerate(m.parameters()):\n"
       << "    globals()[f'gp{i}'] = grad_of(p)\n";
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (drawn.inputs[i].requires_grad()) code << "gx" << i << " = grad_of(x" << i << ")\n";
  }
  return code.str();
}

Oracle::Inputs named_inputs(const Case& drawn) {
  Oracle::Inputs inputs;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    inputs.emplace_back("x" + std::to_string(i), drawn.inputs[i]);
  }
  return inputs;
}

/// A dilated maximum may have all its points outside the input. Its value is −∞, and PyTorch 1.13's
/// backward then writes outside its memory: such a case cannot be asked for gradients.
bool has_empty_window(const Tensor& y) {
  const Tensor dense = raw::contiguous(raw::to(y, DType::Float64));
  const double* values = dense.data<double>();
  return std::any_of(values, values + dense.numel(), [](double value) {
    return value == -std::numeric_limits<double>::infinity();
  });
}

/// First difference of a case that ours accepted; empty: none.
std::string compare_accepted(Draw& draw, Oracle& oracle, const Case& drawn, const Outcome& ours) {
  const auto state = ours.module->state_dict();
  std::vector<Tensor> first;
  std::vector<std::string> outputs = {"names", "y"};
  for (size_t i = 0; i < state.entries.size(); ++i) {
    outputs.push_back("first" + std::to_string(i));
  }
  const bool with_gradients = !has_empty_window(ours.y);
  const auto params = ours.module->named_parameters();
  for (size_t i = 0; i < params.size(); ++i) outputs.push_back("gp" + std::to_string(i));
  for (size_t i = 0; i < drawn.inputs.size() && with_gradients; ++i) {
    if (drawn.inputs[i].requires_grad()) outputs.push_back("gx" + std::to_string(i));
  }
  const Tensor grad = draw.numbers(ours.y.sizes(), ours.y.dtype());
  Oracle::Inputs inputs = named_inputs(drawn);
  inputs.emplace_back("g", grad);
  const Oracle::Reply torch = oracle.run(code_of(drawn, with_gradients), inputs, outputs);
  if (!torch.ok()) return "ours accepts, giving " + describe(ours.y) + "; torch: " + torch.error;

  if (names_and_sizes(*ours.module) != torch.texts.at("names")) {
    return "state_dict: ours " + names_and_sizes(*ours.module) + " torch's " +
           torch.texts.at("names");
  }
  for (size_t i = 0; i < state.entries.size(); ++i) {
    const auto text = bit_difference(state.entries[i].tensor, torch["first" + std::to_string(i)],
                                     "initial " + state.entries[i].key);
    if (!text.empty()) return text;
  }
  if (auto text = difference(ours.y, torch["y"], "output"); !text.empty()) return text;
  autograd::backward(ours.y, grad);
  if (!with_gradients) return {};
  // Hundreds of products add up to one number here, in another order than torch's: in float32 the
  // tolerance for one number is too narrow. float64 shows that the sums are the right ones.
  const double slack = drawn.dtype == DType::Float32 ? 10 : 1;
  for (size_t i = 0; i < params.size(); ++i) {
    const auto text = difference(params[i].second.grad(), torch["gp" + std::to_string(i)],
                                 "gradient of " + params[i].first, slack);
    if (!text.empty()) return text;
  }
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (!drawn.inputs[i].requires_grad()) continue;
    const auto text = difference(drawn.inputs[i].grad(), torch["gx" + std::to_string(i)],
                                 concat("gradient of input ", i));
    if (!text.empty()) return text;
  }
  return {};
}

/// The meta device must give the sizes that the CPU gave.
std::string compare_meta(const Case& drawn, const Tensor& y) {
  const nn::DTypeGuard guard(drawn.dtype);
  const DeviceGuard meta(kMeta);
  const Generator before = default_generator();
  const auto module = drawn.block.make(drawn.block.complete(drawn.args));
  Tensors inputs;
  for (const Tensor& x : drawn.inputs) inputs.push_back(empty(x.sizes(), x.dtype(), kMeta));
  const Tensor shape = module->forward(inputs)[0];
  if (!(default_generator() == before)) return "the meta device draws random numbers";
  if (shape.sizes() == y.sizes() && shape.dtype() == y.dtype()) return {};
  return "on meta " + describe(shape) + ", on the CPU " + describe(y);
}

/// What can be inferred from the wire must be what was drawn.
std::string compare_inferred(const Case& drawn) {
  if (drawn.block.infer == nullptr || !drawn.regular) return {};
  nn::Args args = drawn.block.complete(drawn.args);
  for (const nn::Param& param : drawn.block.params) {
    if (param.inferred) args.set(param.name, nn::None{});
  }
  drawn.block.infer(drawn.inputs[0].sizes(), args);
  for (const nn::Param& param : drawn.block.params) {
    if (param.inferred && *args.find(param.name) != *drawn.args.find(param.name)) {
      return concat("infers ", param.name, " ", nn::to_python(*args.find(param.name)));
    }
  }
  return {};
}

}  // namespace

/// Every registered block against PyTorch, with arguments and inputs drawn at random from its
/// description: initial weights bit for bit, state_dict, output, gradients, and what is refused.
class TestBlocksOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  void matches_torch() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < kCases; ++i) {
      const Case drawn = draw_case(draw, block);
      const Outcome ours = run_ours(drawn);
      ++(ours.error.empty() ? accepted : refused);
      std::string problem;
      try {
        problem = ours.error.empty() ? problem_of_accepted(draw, drawn, ours)
                                     : problem_of_refused(drawn, ours);
      } catch (const Error& error) {
        problem = "throws " + error.text();
      }
      QVERIFY2(problem.empty(), (drawn.text() + "\n  " + problem).c_str());
    }
    std::printf("%-18s %3d cases equal PyTorch's, %2d refused by both\n", block.id.c_str(),
                accepted, refused);
    std::fflush(stdout);
    QVERIFY2(accepted >= kCases / 3, "too few cases were legal to prove much");
  }

 private:
  std::string problem_of_accepted(Draw& draw, const Case& drawn, const Outcome& ours) {
    std::string problem = compare_accepted(draw, oracle_, drawn, ours);
    if (problem.empty()) problem = compare_meta(drawn, ours.y);
    if (problem.empty()) problem = compare_inferred(drawn);
    return problem;
  }

  std::string problem_of_refused(const Case& drawn, const Outcome& ours) {
    if (!ours.error.starts_with("[")) return "message without its op: " + ours.error;
    const auto torch = oracle_.run(code_of(drawn, false), named_inputs(drawn), {});
    return torch.ok() ? "torch accepts; ours: " + ours.error : std::string();
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestBlocksOracle)
#include "test_blocks_oracle.moc"
