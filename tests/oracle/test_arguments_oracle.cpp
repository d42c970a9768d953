#include <QtTest>
#include <algorithm>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/codegen/expression.h"
#include "core/nn/block.h"
#include "core/nn/call.h"
#include "tests/support/block_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kTries = 1000;
constexpr int kBases = 2;  // situations that each argument is tried in

/// Values of the parameter's type: next to the ends of its range, with few or many items.
std::vector<std::string> values(const nn::Param& param) {
  switch (param.type) {
    case nn::ParamType::Bool:
      return {"True", "False", "0", "1", "2", "0.5", "None", "'yes'", "''", "()", "(0,)"};
    case nn::ParamType::Int:
      return {"-2", "-1", "0", "1", "2", "3"};
    case nn::ParamType::Real:
      return {"-2", "-0.5", "0", "0.0", "0.5", "1", "1.5", "3", "float('inf')", "True", "False"};
    case nn::ParamType::IntTuple:
      return {"()",
              "-1",
              "0",
              "1",
              "2",
              "(1,)",
              "(1, 2)",
              "(0, 1)",
              "(1, 1, 2)",
              "[2, 1]",
              "(1, 0, 2, 1)",
              "(1, 1, 1, 1, 1, 1)"};
    case nn::ParamType::RealTuple:
      return {"-1", "0", "0.5", "2", "(2.0,)", "(1.5, 2.0)", "(1, 2, 1.5)"};
    default:
      return {};
  }
}

/// Values of another type, which torch takes where it happens not to look at them.
std::vector<std::string> strangers(const nn::Param& param) {
  switch (param.type) {
    case nn::ParamType::Int:
      return {"1.5", "3.0", "'two'", "(1, 2)"};
    case nn::ParamType::Real:
      return {"'half'", "(1.0,)"};
    case nn::ParamType::IntTuple:
      return {"1.5", "'two'"};
    case nn::ParamType::RealTuple:
      return {"'two'", "[2.0, 1.0]"};
    case nn::ParamType::Choice:
      return {"'nothing'", "1", "None"};
    default:
      return {};
  }
}

/// Where torch takes what it has not looked at: MaxUnpool reads as many items of a tuple as it
/// needs, a convolution that pads by its own numbers none of one, and a lazy transposed convolution
/// leaves out the channels that its groups do not share evenly. FractionalMaxPool needs no window
/// and paddings no sides to give something. A Transformer with an encoder and
/// a decoder of its own needs no numbers.
bool is_overlooked(const BlockCase& base, const nn::Param& param, const std::string& text) {
  const std::string& id = base.block->id;
  if (id.starts_with("LazyConvTranspose")) {
    return param.name == "groups" || param.name == "out_channels";
  }
  if (id == "Transformer") {
    return !base.args.is_none("custom_encoder") && !base.args.is_none("custom_decoder");
  }
  const bool fraction = id.starts_with("FractionalMaxPool") && param.name == "kernel_size";
  if (fraction) return text.find_first_of("-0") != text.npos;
  if (!text.starts_with("(") && !text.starts_with("[")) return false;
  if (text == "()" && param.name == "padding") return true;
  if (id.starts_with("MaxUnpool")) return true;
  const bool pads = base.args.has("padding_mode") && base.args.text("padding_mode") != "zeros";
  return pads && param.name == "padding";
}

/// The call with one argument replaced, all by name.
std::string call_with(const BlockCase& base, const nn::Param& replaced, const std::string& text) {
  std::string list;
  for (const nn::Param& param : base.block->params) {
    if (param.call) continue;
    const nn::Value& value = *base.args.find(param.name);
    const bool left_out = !param.required && value == nn::normalized(param, param.fallback);
    if (param.name != replaced.name && left_out) continue;
    const std::string written =
        param.name == replaced.name ? text : nn::python_argument(param, value);
    list += concat(list.empty() ? "" : ", ", param.name, "=", written);
  }
  return concat(base.block->torch_name, "(", list, ")");
}

/// Dense and without history, so that layers may work in place.
Tensors copies(const Tensors& inputs) {
  Tensors out;
  for (const Tensor& x : inputs) {
    out.push_back(x.defined() ? raw::clone(raw::contiguous(x.detach())) : Tensor());
  }
  return out;
}

/// Why we refuse the call or the forward; empty: we do not.
std::string refused_by_us(const BlockCase& base, const std::string& call) {
  try {
    const bool loss = base.block->role == nn::Role::Loss;
    const auto expression = loss ? codegen::parse_loss(call) : codegen::parse_model(call);
    manual_seed(base.seed);
    const auto module = codegen::build_module(expression);
    module->train(base.training);
    module->call(copies(base.inputs));
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

/// Without what torch has defaults for; the target of a loss it has not.
bool is_wired(const nn::Block& block, const nn::Port& port) {
  return !port.optional || block.role == nn::Role::Loss;
}

Oracle::Reply asked(Oracle& oracle, const BlockCase& base, const std::string& call) {
  Oracle::Inputs inputs;
  std::string names;
  std::string leaves;
  for (size_t i = 0; i < base.inputs.size(); ++i) {
    if (!base.inputs[i].defined()) continue;
    inputs.emplace_back("x" + std::to_string(i), raw::contiguous(base.inputs[i].detach()));
    names += inputs.back().first + ", ";
    const std::string& name = inputs.back().first;
    if (is_floating(base.inputs[i].dtype())) leaves += concat("'", name, "': ", name, ", ");
  }
  const std::string code =
      concat("result = run_block(lambda: ", call, ", torch.float32, ", base.seed, ", ",
             base.training ? "True" : "False", ", 1, [", names, "], {}, {", leaves, "}, [])\n");
  return oracle.run(code, inputs, {});
}

/// A case that we accept; none if there seems to be none.
std::optional<BlockCase> draw_base(Draw& draw, const nn::Block& block) {
  for (int tries = 0; tries < kTries; ++tries) {
    BlockCase base = draw_case(draw, block, DType::Float32);
    for (const nn::Param& param : block.params) {
      if (param.call) base.args.set(param.name, param.fallback);
    }
    for (size_t i = 0; i < base.inputs.size(); ++i) {
      if (!is_wired(block, block.inputs[i])) base.inputs[i] = Tensor();
    }
    // Of no numbers nothing is computed, and torch looks at little.
    const bool has_numbers =
        std::all_of(base.inputs.begin(), base.inputs.end(),
                    [](const Tensor& x) { return !x.defined() || x.numel() > 0; });
    if (base.regular && has_numbers && run_ours(base).error.empty()) return base;
  }
  return std::nullopt;
}

}  // namespace

/// What constructors take and refuse, against PyTorch: every parameter of every registered block
/// with values at the ends of its range, of other types and lengths, up to the first forward.
class TestArgumentsOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void takes_what_torch_takes_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  void takes_what_torch_takes() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    std::string problems;
    for (int i = 0; i < kBases; ++i) {
      const std::optional<BlockCase> drawn = draw_base(draw, block);
      QVERIFY2(drawn, "no legal case found");
      const BlockCase& base = *drawn;
      for (const nn::Param& param : block.params) {
        if (param.call) continue;
        for (const std::string& text : values(param)) problems += compared(base, param, text, true);
        for (const std::string& text : strangers(param)) {
          problems += compared(base, param, text, false);
        }
      }
    }
    QVERIFY2(problems.empty(), problems.c_str());
  }

  void device_and_dtype_are_taken_where_torch_takes_them() {
    std::string code = "result = {}\n";
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr || block.ignores_arguments) continue;
      code += concat("names = inspect.signature(", block.torch_name, ".__init__).parameters\n",
                     "if issubclass(", block.torch_name, ", nn.RNNBase): names = ['device']\n",
                     "result['", block.id, "'] = str('device' in names)\n");
    }
    const Oracle::Reply torch = oracle_.run("import inspect\n" + code, {}, {});
    QVERIFY2(torch.ok(), torch.error.c_str());
    for (const auto& [id, takes] : torch.texts) {
      QVERIFY2(nn::blocks().find(id)->factory == (takes == "True"), id.c_str());
    }
  }

 private:
  /// The difference in words, as a line of its own; empty: none.
  std::string compared(const BlockCase& base, const nn::Param& param, const std::string& text,
                       bool must_take) {
    if (is_overlooked(base, param, text)) return {};
    const std::string call = call_with(base, param, text);
    const std::string ours = refused_by_us(base, call);
    if (!ours.empty() && !must_take) return {};
    const Oracle::Reply torch = asked(oracle_, base, call);
    if (torch.crashed || ours.empty() == torch.ok()) return {};
    return concat(
        call, base.training ? " training" : " evaluating",
        ours.empty() ? ": ours accepts, torch: " + torch.error : ": torch accepts, ours: " + ours,
        "\n");
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestArgumentsOracle)
#include "test_arguments_oracle.moc"
