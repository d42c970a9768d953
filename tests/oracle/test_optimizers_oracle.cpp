#include <QtTest>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/nn/call.h"
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
  return problem;
}

Tensor at_step(const Tensor& grads, int step) {
  const Dims sizes(grads.sizes().begin() + 1, grads.sizes().end());
  return grads.as_strided(sizes, contiguous_strides(sizes), step * numel(sizes));
}

std::vector<Tensor> run_ours(const optim::OptimizerSpec& spec, const nn::Args& args,
                             const Problem& problem) {
  std::vector<Tensor> params;
  for (const Tensor& param : problem.params) {
    params.push_back(raw::clone(param).set_requires_grad());
  }
  const auto optimizer = spec.make(params, spec.complete(args));
  for (int step = 0; step < kSteps; ++step) {
    if (step == kSteps / 2) optimizer->set_learning_rate(problem.later_rate);
    optimizer->zero_grad();
    for (size_t i = 0; i < params.size(); ++i) {
      if (problem.absent[i][static_cast<size_t>(step)]) continue;
      params[i].set_grad(at_step(problem.grads[i], step));
    }
    optimizer->step();
  }
  return params;
}

/// A running mean that remembers nothing divides by single gradients near 0: what float32 rounds
/// becomes steps. So there the means (Adam's betas) keep their defaults.
void keep_memory(const optim::OptimizerSpec& spec, nn::Args& args) {
  for (const nn::Param& param : spec.params) {
    if (!param.tuple.empty()) args.set(param.name, param.fallback);
  }
}

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
  return concat("params = [", names, "]\ngrads = [", grads, "]\nabsent = [", absent, "]\n",
                "for p in params: p.requires_grad_()\no = ", nn::python_call(spec, args, "params"),
                "\nfor step in range(", kSteps, "):\n", "    if step == ", kSteps / 2,
                ": o.param_groups[0]['lr'] = ", nn::to_python(problem.later_rate),
                "\n    o.zero_grad(set_to_none=True)\n",
                "    for p, g, gone in zip(params, grads, absent):\n",
                "        if not gone[step]: p.grad = g[step].clone()\n    o.step()\n");
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
      QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
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
      const Problem problem = draw_problem(draw);
      if (problem.params[0].dtype() == DType::Float32) keep_memory(spec, args);
      const auto ours = run_ours(spec, args, problem);
      Oracle::Inputs inputs;
      std::vector<std::string> outputs;
      for (size_t p = 0; p < ours.size(); ++p) {
        inputs.emplace_back("p" + std::to_string(p), problem.params[p]);
        inputs.emplace_back("g" + std::to_string(p), problem.grads[p]);
        outputs.push_back("p" + std::to_string(p));
      }
      const auto torch = oracle_.run(code_of(spec, args, problem), inputs, outputs);
      const std::string call = nn::python_call(spec, args);
      QVERIFY2(torch.ok(), (call + ": " + torch.error).c_str());
      for (size_t p = 0; p < ours.size(); ++p) {
        const auto text =
            difference(ours[p], torch["p" + std::to_string(p)], concat(call, " parameter ", p));
        QVERIFY2(text.empty(), text.c_str());
      }
    }
    std::printf("%-6s %d cases of %d steps equal PyTorch's\n", spec.id.c_str(), kCases, kSteps);
    std::fflush(stdout);
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestOptimizersOracle)
#include "test_optimizers_oracle.moc"
