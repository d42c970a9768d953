#include <QtTest>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/nn/call.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"
#include "core/optim/optimizer.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 60;
constexpr int kSteps = 20;

/// Parameters, the gradients of each step, and which parameters have none in a step.
struct Problem {
  std::vector<Tensor> params;
  std::vector<Tensor> grads;  // (steps, sizes…) for each parameter
  std::vector<std::vector<bool>> absent;
  double later_rate;  // from the middle on
  double other_rate;  // of a second group, which the last parameter is; 0: there is none
};

Problem draw_problem(Draw& draw) {
  Problem problem;
  const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
  const int64_t count = draw.integer(1, 3);
  for (int64_t i = 0; i < count; ++i) {
    Dims sizes;
    for (int64_t d = draw.integer(0, 3); d > 0; --d) sizes.push_back(draw.integer(1, 6));
    Dims all = sizes;
    all.insert(0, kSteps);
    problem.params.push_back(draw.numbers(sizes, dtype));
    problem.grads.push_back(draw.numbers(all, dtype));
    std::vector<bool> absent(kSteps);
    for (int step = 0; step < kSteps; ++step) absent[static_cast<size_t>(step)] = draw.chance(0.1);
    problem.absent.push_back(absent);
  }
  problem.later_rate = draw.real(0, 0.1);
  problem.other_rate = count > 1 && draw.chance(0.5) ? draw.real(0.001, 0.1) : 0;
  return problem;
}

Tensor at_step(const Tensor& grads, int step) {
  const Dims sizes(grads.sizes().begin() + 1, grads.sizes().end());
  return grads.as_strided(sizes, contiguous_strides(sizes), step * numel(sizes));
}

std::unique_ptr<optim::Optimizer> make(const optim::OptimizerSpec& spec, const nn::Args& args,
                                       const Problem& problem, std::vector<Tensor> params) {
  if (problem.other_rate == 0) return spec.make(params, spec.complete(args));
  const Tensor last = params.back();
  params.pop_back();
  auto optimizer = spec.make(params, spec.complete(args));
  optimizer->add_param_group({last}, {{"lr", problem.other_rate}});
  return optimizer;
}

/// Steps begin … end − 1.
void run(optim::Optimizer& optimizer, const Problem& problem, const std::vector<Tensor>& params,
         int begin, int end) {
  for (int step = begin; step < end; ++step) {
    if (step == kSteps / 2) optimizer.set_option(0, "lr", problem.later_rate);
    optimizer.zero_grad();
    for (size_t i = 0; i < params.size(); ++i) {
      if (problem.absent[i][static_cast<size_t>(step)]) continue;
      params[i].set_grad(at_step(problem.grads[i], step));
    }
    optimizer.step();
  }
}

std::vector<Tensor> leaves(const Problem& problem) {
  std::vector<Tensor> params;
  for (const Tensor& param : problem.params) {
    params.push_back(raw::clone(param).set_requires_grad());
  }
  return params;
}

/// A running mean that remembers nothing divides by single gradients near 0: what float32 rounds
/// becomes steps. So there the means (Adam's betas) keep their defaults.
void keep_memory(const optim::OptimizerSpec& spec, nn::Args& args) {
  for (const nn::Param& param : spec.params) {
    if (!param.tuple.empty() || param.name == "rho") args.set(param.name, param.fallback);
  }
}

/// Where the mean remembers nothing, RMSprop's spread around it is a difference of equal numbers.
void keep_spread(nn::Args& args, Draw& draw) {
  if (args.has("alpha") && args.has("centered")) args.set("alpha", draw.real(0.5, 0.99));
}

/// What a state holds, as both sides write it: "0.step (); 0.exp_avg (2, 3); ".
std::string outline(const optim::OptimizerState& state) {
  std::string text;
  for (const auto& [number, entries] : state.state) {
    for (const auto& [name, value] : entries) {
      text += concat(number, ".", name, " ");
      if (const auto* tensor = std::get_if<Tensor>(&value.held)) {
        const Dims& sizes = tensor->sizes();
        text += nn::to_python(std::vector<int64_t>(sizes.begin(), sizes.end())) + "; ";
      } else if (const auto* count = std::get_if<int64_t>(&value.held)) {
        text += std::to_string(*count) + "; ";
      } else {
        text += "None; ";
      }
    }
  }
  for (const auto& group : state.groups) {
    text += "[";
    for (int64_t number : group.params) text += std::to_string(number) + " ";
    text += "] ";
    for (const auto& [name, value] : group.options) text += name + " ";
  }
  return text;
}

constexpr const char* kOutline = R"(
def outline(o, known):
    state = o.state_dict()
    text = ''
    for number, entries in sorted(state['state'].items()):
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                globals()[f's{number}_{name}'] = value
                value = tuple(value.shape)
            text += f'{number}.{name} {value}; '
    for group in state['param_groups']:
        text += '[' + ''.join(f'{number} ' for number in group['params']) + '] '
        text += ''.join(f'{name} ' for name in known if name in group)
    return text
)";

std::string code_of(const optim::OptimizerSpec& spec, const nn::Args& args,
                    const Problem& problem) {
  std::string names;
  std::string grads;
  std::string absent;
  for (size_t i = 0; i < problem.params.size(); ++i) {
    names += "p" + std::to_string(i) + ", ";
    grads += "g" + std::to_string(i) + ", ";
    absent += "[";
    for (bool one : problem.absent[i]) absent += one ? "True, " : "False, ";
    absent += "], ";
  }
  std::string known;
  std::string before;
  for (const nn::Param& param : spec.params) {
    const std::string& name = param.tuple.empty() ? param.name : param.tuple;
    if (name != before) known += "'" + name + "', ";
    before = name;
  }
  const bool two = problem.other_rate != 0;
  return concat("params = [", names, "]\ngrads = [", grads, "]\nabsent = [", absent, "]\n",
                "for p in params: p.requires_grad_()\n", "groups = params\n",
                two ? concat("groups = [{'params': params[:-1]}, {'params': params[-1:], 'lr': ",
                             nn::to_python(problem.other_rate), "}]\n")
                    : "",
                "o = ", nn::python_call(spec, args, "groups"), "\n", "for step in range(", kSteps,
                "):\n", "    if step == ", kSteps / 2,
                ": o.param_groups[0]['lr'] = ", nn::to_python(problem.later_rate),
                "\n    o.zero_grad(set_to_none=True)\n",
                "    for p, g, gone in zip(params, grads, absent):\n",
                "        if not gone[step]: p.grad = g[step].clone()\n    o.step()\n", kOutline,
                "outline = outline(o, [", known, "])\n");
}

std::string compare_state(const optim::OptimizerState& ours, const Oracle::Reply& torch) {
  if (outline(ours) != torch.texts.at("outline")) {
    return "state: ours " + outline(ours) + "\n torch's " + torch.texts.at("outline");
  }
  for (const auto& [number, entries] : ours.state) {
    for (const auto& [name, value] : entries) {
      const auto* tensor = std::get_if<Tensor>(&value.held);
      if (tensor == nullptr) continue;
      const auto text = difference(*tensor, torch[concat("s", number, "_", name)], name);
      if (!text.empty()) return text;
    }
  }
  return {};
}

}  // namespace

/// Every registered optimiser against torch.optim over 20 steps with arguments drawn from its
/// description.
class TestOptimizersOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<QString>("id");
    for (const auto& spec : optim::optimizers().all()) {
      if (!spec.needs_closure) QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
    }
  }

  void matches_torch() {
    QFETCH(QString, id);
    const auto& spec = *optim::optimizers().find(id.toStdString());
    Draw draw(test_seed());
    for (int i = 0; i < kCases; ++i) {
      nn::Args args = draw.args(spec);
      // Steps that stay near where they start: a path that explodes compares rounding errors.
      args.set("lr", draw.real(0, 0.1));
      keep_spread(args, draw);
      const Problem problem = draw_problem(draw);
      if (problem.params[0].dtype() == DType::Float32) keep_memory(spec, args);
      const std::string text = compare(spec, args, problem);
      QVERIFY2(text.empty(), (nn::python_call(spec, args) + " " + text).c_str());
    }
    std::printf("%-8s %d cases of %d steps equal PyTorch's\n", spec.id.c_str(), kCases, kSteps);
    std::fflush(stdout);
  }

  void goes_on_from_a_state_data() { matches_torch_data(); }

  /// A state that was taken half way leads to the same bits.
  void goes_on_from_a_state() {
    QFETCH(QString, id);
    const auto& spec = *optim::optimizers().find(id.toStdString());
    Draw draw(test_seed());
    for (int i = 0; i < 10; ++i) {
      const nn::Args args = draw.args(spec);
      const Problem problem = draw_problem(draw);
      const std::vector<Tensor> params = leaves(problem);
      const auto whole = make(spec, args, problem, params);
      run(*whole, problem, params, 0, kSteps / 2);
      std::vector<Tensor> copies;
      for (const Tensor& param : params) copies.push_back(raw::clone(param).set_requires_grad());
      // Made with other options: those of the state must take their place.
      const auto second = make(spec, {}, problem, copies);
      second->load_state_dict(whole->state_dict());
      run(*whole, problem, params, kSteps / 2, kSteps);
      run(*second, problem, copies, kSteps / 2, kSteps);
      for (size_t p = 0; p < params.size(); ++p) {
        const auto text = bit_difference(copies[p], params[p], nn::python_call(spec, args));
        QVERIFY2(text.empty(), text.c_str());
      }
    }
  }

  void complex_parameters_data() {
    QTest::addColumn<QString>("id");
    for (const char* id : {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax"}) {
      QTest::newRow(id) << id;
    }
  }

  void complex_parameters() {
    QFETCH(QString, id);
    const auto& spec = *optim::optimizers().find(id.toStdString());
    Draw draw(test_seed());
    Problem problem = draw_problem(draw);
    problem.params = {draw.numbers({3, 2}, DType::Complex128)};
    problem.grads = {draw.numbers({kSteps, 3, 2}, DType::Complex128)};
    problem.other_rate = 0;
    const nn::Args args{{"lr", 0.01}, {"weight_decay", 0.1}};
    const std::string text = compare(spec, args, problem);
    QVERIFY2(text.empty(), text.c_str());
  }

  void lbfgs_matches_torch_data() {
    QTest::addColumn<QString>("arguments");
    QTest::newRow("fixed step") << "lr=0.1";
    QTest::newRow("short history") << "lr=0.05, history_size=2, max_iter=7";
    QTest::newRow("line search") << "line_search_fn='strong_wolfe'";
    QTest::newRow("few looks") << "line_search_fn='strong_wolfe', max_eval=6, max_iter=10";
    QTest::newRow("coarse") << "lr=0.5, line_search_fn='strong_wolfe', tolerance_change=0.001";
  }

  /// Six steps on a bent valley in four dimensions.
  void lbfgs_matches_torch() {
    QFETCH(QString, arguments);
    const auto& spec = *optim::optimizers().find("LBFGS");
    nn::Args args;
    for (const QString& part : arguments.split(", ")) {
      const std::string name = part.section('=', 0, 0).toStdString();
      args.set(name, nn::parse_value(*spec.find(name), part.section('=', 1).toStdString()));
    }
    Draw draw(test_seed());
    const Tensor start = draw.numbers({2, 2}, DType::Float64);
    const Tensor x = raw::clone(start).set_requires_grad();
    const Tensor y = zeros({2, 2}, DType::Float64).set_requires_grad();
    const auto optimizer = spec.make({x, y}, spec.complete(args));
    int looks = 0;
    const auto closure = [&] {
      ++looks;
      optimizer->zero_grad();
      const Tensor bend = y - x * x;
      const Tensor slope = x - 1.0;
      const Tensor loss = ops::sum(bend * bend) * 10.0 + ops::sum(slope * slope);
      autograd::backward(loss);
      return loss;
    };
    for (int i = 0; i < 6; ++i) optimizer->step(closure);
    const auto torch = oracle_.run(
        concat("x.requires_grad_()\ny = torch.zeros(2, 2, dtype=torch.float64).requires_grad_()\n",
               "o = optim.LBFGS([x, y], ", arguments.toStdString(), ")\nlooks = 0\n",
               "def closure():\n    global looks\n    looks += 1\n    o.zero_grad()\n",
               "    loss = ((y - x * x) ** 2).sum() * 10 + ((x - 1) ** 2).sum()\n",
               "    loss.backward()\n    return loss\n", "for i in range(6): o.step(closure)\n"),
        {{"x", start}}, {"x", "y", "looks"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    QCOMPARE(std::to_string(looks), torch.texts.at("looks"));
    for (const auto& [ours, name] : {std::pair{x, "x"}, std::pair{y, "y"}}) {
      const auto text = difference(ours, torch[name], name);
      QVERIFY2(text.empty(), text.c_str());
    }
  }

 private:
  std::string compare(const optim::OptimizerSpec& spec, const nn::Args& args,
                      const Problem& problem) {
    const std::vector<Tensor> ours = leaves(problem);
    const auto optimizer = make(spec, args, problem, ours);
    run(*optimizer, problem, ours, 0, kSteps);
    const optim::OptimizerState state = optimizer->state_dict();
    Oracle::Inputs inputs;
    std::vector<std::string> outputs = {"outline"};
    for (size_t p = 0; p < ours.size(); ++p) {
      inputs.emplace_back("p" + std::to_string(p), problem.params[p]);
      inputs.emplace_back("g" + std::to_string(p), problem.grads[p]);
      outputs.push_back("p" + std::to_string(p));
    }
    for (const auto& [number, entries] : state.state) {
      for (const auto& [name, value] : entries) {
        if (std::holds_alternative<Tensor>(value.held)) {
          outputs.push_back(concat("s", number, "_", name));
        }
      }
    }
    const auto torch = oracle_.run(code_of(spec, args, problem), inputs, outputs);
    if (!torch.ok()) return torch.error;
    for (size_t p = 0; p < ours.size(); ++p) {
      const auto text =
          difference(ours[p], torch["p" + std::to_string(p)], concat("parameter ", p));
      if (!text.empty()) return text;
    }
    return compare_state(state, torch);
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestOptimizersOracle)
#include "test_optimizers_oracle.moc"
