#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/containers.h"
#include "core/nn/init.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/linear.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

using Fill = std::function<void(const Tensor&)>;

/// One way to fill a tensor in both.
struct Way {
  std::string python;  // what follows "nn.init."; t is the tensor
  Fill fill;
  bool exact = true;  // bit for bit
  size_t least = 0;   // dimensions
  size_t most = 4;
};

std::vector<Way> ways(Draw& draw) {
  namespace init = nn::init;
  const double a = draw.real(-2, 0);
  const double b = draw.real(0.1, 2);
  const std::string numbers = nn::to_python(a) + ", " + nn::to_python(b);
  const std::string one = nn::to_python(b);
  return {
      {"uniform_(t, " + numbers + ")", [=](const Tensor& t) { init::uniform_(t, a, b); }},
      {"normal_(t, " + numbers + ")", [=](const Tensor& t) { init::normal_(t, a, b); }},
      {"trunc_normal_(t, 0.1, " + one + ", -1.5, 2)",
       [=](const Tensor& t) { init::trunc_normal_(t, 0.1, b, -1.5, 2); }},
      {"constant_(t, " + one + ")", [=](const Tensor& t) { init::constant_(t, b); }},
      {"ones_(t)", [](const Tensor& t) { init::ones_(t); }},
      {"zeros_(t)", [](const Tensor& t) { init::zeros_(t); }},
      {"eye_(t)", [](const Tensor& t) { init::eye_(t); }, true, 2, 2},
      {"dirac_(t)", [](const Tensor& t) { init::dirac_(t); }, true, 3, 4},
      {"dirac_(t, 2)", [](const Tensor& t) { init::dirac_(t, 2); }, true, 3, 4},
      {"xavier_uniform_(t, " + one + ")", [=](const Tensor& t) { init::xavier_uniform_(t, b); },
       true, 1},
      {"xavier_normal_(t, " + one + ")", [=](const Tensor& t) { init::xavier_normal_(t, b); }, true,
       1},
      {"kaiming_uniform_(t, " + one + ")", [=](const Tensor& t) { init::kaiming_uniform_(t, b); },
       true, 1},
      {"kaiming_normal_(t, mode='fan_out', nonlinearity='relu')",
       [](const Tensor& t) { init::kaiming_normal_(t, 0, init::FanMode::Out, "relu"); }, true, 1},
      {"kaiming_normal_(t, nonlinearity='selu')",
       [](const Tensor& t) { init::kaiming_normal_(t, 0, init::FanMode::In, "selu"); }, true, 1},
      {"kaiming_uniform_(t, nonlinearity='tanh')",
       [](const Tensor& t) { init::kaiming_uniform_(t, 0, init::FanMode::In, "tanh"); }, true, 1},
      {"orthogonal_(t, " + one + ")", [=](const Tensor& t) { init::orthogonal_(t, b); }, false, 1},
      {"sparse_(t, 0.4, " + one + ")", [=](const Tensor& t) { init::sparse_(t, 0.4, b); }, true, 2,
       2},
  };
}

}  // namespace

/// torch.nn.init and the printing of models, against PyTorch.
class TestModuleOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void init_fills_as_torch_does() {
    constexpr int kRounds = 12;
    Draw draw(test_seed());
    int refused = 0;
    for (int round = 0; round < kRounds; ++round) {
      for (const Way& way : ways(draw)) {
        const auto rank = static_cast<size_t>(
            draw.integer(static_cast<int64_t>(way.least), static_cast<int64_t>(way.most)));
        Dims sizes;
        for (size_t i = 0; i < rank; ++i) sizes.push_back(draw.integer(1, 9));
        const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
        const Tensor t = full(sizes, 7, dtype);
        const auto seed = draw.integer(0, 100'000);
        const std::string what =
            way.python + " of " + describe(t) + " seed " + std::to_string(seed);
        manual_seed(static_cast<uint64_t>(seed));
        std::string error;
        try {
          way.fill(t);
        } catch (const Error& thrown) {
          error = thrown.text();
        }
        const auto torch =
            oracle_.run(concat("torch.manual_seed(", seed, ")\nnn.init.", way.python, "\n"),
                        {{"t", full(sizes, 7, dtype)}}, {"t"});
        QVERIFY2(torch.ok() == error.empty(), (what + ": " + error + torch.error).c_str());
        refused += !torch.ok();
        if (!torch.ok()) continue;
        const auto problem =
            way.exact ? bit_difference(t, torch["t"], what) : difference(t, torch["t"], what);
        QVERIFY2(problem.empty(), problem.c_str());
      }
    }
    QVERIFY(refused > 0 && refused < kRounds * 5);
  }

  void nested_models_print_as_torch_s() {
    using Shared = std::shared_ptr<nn::Module>;
    const auto linear = [](int64_t in, int64_t out) -> Shared {
      return std::make_shared<nn::Linear>(nn::Linear::Options{in, out});
    };
    const auto inner = std::make_shared<nn::Sequential>(
        std::vector<Shared>{linear(2, 3), std::make_shared<nn::ReLU>()});
    nn::Sequential model(std::vector<std::pair<std::string, Shared>>{
        {"body", inner},
        {"list", std::make_shared<nn::ModuleList>(std::vector<Shared>{linear(3, 1)})},
        {"empty", std::make_shared<nn::ModuleList>()},
        {"dict", std::make_shared<nn::ModuleDict>(nn::ModuleDict::Items{{"a", inner}})},
        {"gelu", std::make_shared<nn::GELU>(nn::GELU::Options{"tanh"})}});
    model.add_module("none", std::shared_ptr<nn::Module>());
    const auto torch = oracle_.run(
        "from collections import OrderedDict\n"
        "inner = nn.Sequential(nn.Linear(2, 3), nn.ReLU())\n"
        "m = nn.Sequential(OrderedDict([('body', inner), "
        "('list', nn.ModuleList([nn.Linear(3, 1)])), ('empty', nn.ModuleList()), "
        "('dict', nn.ModuleDict({'a': inner})), ('gelu', nn.GELU('tanh'))]))\n"
        "m.add_module('none', None)\n"
        "text = repr(m)\n"
        "names = ' '.join(name for name, _ in m.named_modules()) + '|' + "
        "' '.join(name for name, _ in m.named_parameters()) + '|' + ' '.join(m.state_dict())",
        {}, {"text", "names"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    QCOMPARE(to_text(model), torch.texts.at("text"));
    std::string names;
    const auto add = [&](const std::string& name, bool first) {
      names += (first ? "" : " ") + name;
    };
    const auto modules = model.named_modules();
    for (size_t i = 0; i < modules.size(); ++i) add(modules[i].first, i == 0);
    names += "|";
    const auto parameters = model.named_parameters();
    for (size_t i = 0; i < parameters.size(); ++i) add(parameters[i].first, i == 0);
    names += "|";
    const auto state = model.state_dict();
    for (size_t i = 0; i < state.entries.size(); ++i) add(state.entries[i].key, i == 0);
    QCOMPARE(names, torch.texts.at("names"));
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestModuleOracle)
#include "test_module_oracle.moc"
