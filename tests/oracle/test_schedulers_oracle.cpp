#include <QtTest>
#include <cmath>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/nn/call.h"
#include "core/nn/layers/batch_norm.h"
#include "core/optim/average.h"
#include "core/optim/clip.h"
#include "core/optim/schedule.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;
using optim::make_optimizer;
using optim::make_scheduler;

namespace {

constexpr int kCases = 40;
constexpr int kSteps = 100;

/// Rates and momenta of two groups over the steps.
struct Course {
  std::vector<double> numbers;

  void note(const optim::Optimizer& optimizer) {
    for (size_t g = 0; g < optimizer.group_count(); ++g) {
      for (const char* name : {"lr", "momentum", "beta1"}) {
        if (optimizer.spec().find(name) != nullptr) {
          numbers.push_back(optimizer.options(g).real(name));
        }
      }
    }
  }
};

/// Two groups with rates of their own.
std::unique_ptr<optim::Optimizer> two_groups(const std::string& id) {
  auto optimizer = make_optimizer(id, {zeros({1}).set_requires_grad()}, {{"lr", 0.1}});
  optimizer->add_param_group({zeros({1}).set_requires_grad()}, {{"lr", 0.02}});
  return optimizer;
}

std::string python_optimizer(const std::string& id) {
  return "a = torch.zeros(1).requires_grad_()\nb = torch.zeros(1).requires_grad_()\no = optim." +
         id + "([a], lr=0.1)\no.add_param_group({'params': [b], 'lr': 0.02})\n";
}

const std::string kPythonCourse =
    concat("course = []\ndef note():\n    for group in o.param_groups:\n",
           "        course.append(group['lr'])\n",
           "        if 'momentum' in group: course.append(group['momentum'])\n",
           "        if 'betas' in group: course.append(group['betas'][0])\n");

std::string python_steps(int steps, const std::string& argument) {
  return concat("note()\nfor i in range(", steps, "):\n    o.step()\n    s.step(", argument,
                ")\n    note()\ncourse = torch.tensor(course, dtype=torch.float64)\n");
}

/// The metrics that ReduceLROnPlateau sees.
double metric_at(int step) {
  return std::cos(0.37 * step) + 3.0 / (1 + step);
}

std::string compare(const Course& ours, const Tensor& theirs) {
  if (theirs.numel() != static_cast<int64_t>(ours.numbers.size())) return "other lengths";
  for (size_t i = 0; i < ours.numbers.size(); ++i) {
    const double expected = theirs.data<double>()[i];
    const double apart = std::abs(ours.numbers[i] - expected);
    if (apart > 1e-12 * std::max(1.0, std::abs(expected))) {
      return concat("number ", i, ": ours ", nn::to_python(ours.numbers[i]), ", torch's ",
                    nn::to_python(expected));
    }
  }
  return {};
}

/// Legal arguments that leave something to see in 100 steps.
nn::Args draw_args(Draw& draw, const optim::SchedulerSpec& spec) {
  nn::Args args;
  if (spec.id == "OneCycleLR") {
    args = draw.args(spec);
    args.set("pct_start", draw.real(0.1, 0.45));
    args.set("total_steps", int64_t{kSteps});
    return args;
  }
  args = draw.args(spec);
  for (const char* name : {"step_size_up", "step_size_down"}) {
    if (args.has(name) && !args.is_none(name)) args.set(name, draw.integer(3, 30));
  }
  if (args.has("milestones")) {
    args.set("milestones", std::vector<int64_t>{draw.integer(1, 30), draw.integer(5, 60), 40});
  }
  return args;
}

}  // namespace

/// Every registered scheduler, and those that are composed, against torch.optim.lr_scheduler.
class TestSchedulersOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<QString>("id");
    for (const auto& spec : optim::schedulers().all()) {
      QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
    }
  }

  void matches_torch() {
    QFETCH(QString, id);
    const auto& spec = *optim::schedulers().find(id.toStdString());
    Draw draw(test_seed());
    for (int i = 0; i < kCases; ++i) {
      const nn::Args args = draw_args(draw, spec);
      const bool momentum = spec.id == "CyclicLR" || draw.chance(0.5);
      const std::string optimizer_id = momentum ? "SGD" : "Adam";
      const auto optimizer = two_groups(optimizer_id);
      Course ours;
      const auto scheduler = make_scheduler(spec.id, *optimizer, args);
      ours.note(*optimizer);
      std::string metrics = "metrics = [";
      for (int step = 0; step < kSteps; ++step) {
        optimizer->step();
        if (spec.needs_metric) {
          scheduler->step(metric_at(step));
        } else {
          scheduler->step();
        }
        ours.note(*optimizer);
        metrics += nn::to_python(metric_at(step)) + ", ";
      }
      const std::string call = nn::python_call(spec, args, "o");
      const auto torch = oracle_.run(
          python_optimizer(optimizer_id) + "s = " + call + "\n" + kPythonCourse + metrics + "]\n" +
              python_steps(kSteps, spec.needs_metric ? "metrics[i]" : ""),
          {}, {"course"});
      QVERIFY2(torch.ok(), (call + ": " + torch.error).c_str());
      const std::string text = compare(ours, torch["course"]);
      QVERIFY2(text.empty(), (call + " " + text).c_str());
    }
    std::printf("%-28s %d cases of %d steps equal PyTorch's\n", spec.id.c_str(), kCases, kSteps);
    std::fflush(stdout);
  }

  void goes_on_from_a_state_data() { matches_torch_data(); }

  void goes_on_from_a_state() {
    QFETCH(QString, id);
    const auto& spec = *optim::schedulers().find(id.toStdString());
    Draw draw(test_seed());
    const nn::Args args = draw_args(draw, spec);
    const auto first = two_groups("SGD");
    const auto second = two_groups("SGD");
    const auto whole = make_scheduler(spec.id, *first, args);
    const auto resumed = make_scheduler(spec.id, *second, args);
    const auto step = [&](optim::Scheduler& scheduler, int at) {
      if (spec.needs_metric) {
        scheduler.step(metric_at(at));
      } else {
        scheduler.step();
      }
    };
    for (int i = 0; i < 37; ++i) step(*whole, i);
    second->load_state_dict(first->state_dict());
    resumed->load_state_dict(whole->state_dict());
    for (int i = 37; i < kSteps; ++i) {
      step(*whole, i);
      step(*resumed, i);
      QCOMPARE(resumed->last_lr(), whole->last_lr());
    }
  }

  /// The cosine's recursion may leave −1e-18 where it means 0.
  void a_rate_that_rounding_made_negative_is_taken_up() {
    const auto optimizer = two_groups("SGD");
    optim::OptimizerState state = optimizer->state_dict();
    state.groups[0].options.set("lr", {-1e-18});
    optimizer->load_state_dict(state);
    QCOMPARE(optimizer->state_dict().groups[0].options.find("lr")->number(), -1e-18);
  }

  /// step(epoch + batch / batches), as PyTorch's documentation has it for warm restarts.
  void steps_between_epochs_match_torch() {
    Draw draw(test_seed());
    constexpr int kBatches = 7;
    for (int i = 0; i < kCases; ++i) {
      const nn::Args args{{"T_0", draw.integer(1, 6)},
                          {"T_mult", draw.integer(1, 3)},
                          {"eta_min", draw.real(0, 0.01)}};
      const auto optimizer = two_groups("SGD");
      Course ours;
      const optim::SchedulerSpec& spec = *optim::schedulers().find("CosineAnnealingWarmRestarts");
      QCOMPARE(int(spec.step_at), int(optim::StepAt::Fraction));
      optim::Schedule schedule({{&spec, args, spec.step_at}}, *optimizer, {kSteps, kBatches});
      ours.note(*optimizer);
      for (int step = 0; step < kSteps; ++step) {
        optimizer->step();
        schedule.after_batch(1 + step / kBatches, 1 + step % kBatches);
        ours.note(*optimizer);
      }
      const std::string call = nn::python_call(spec, args, "o");
      const auto torch = oracle_.run(
          python_optimizer("SGD") + "s = " + call + "\n" + kPythonCourse +
              python_steps(kSteps,
                           concat("i // ", kBatches, " + (1 + i % ", kBatches, ") / ", kBatches)),
          {}, {"course"});
      QVERIFY2(torch.ok(), (call + ": " + torch.error).c_str());
      const std::string text = compare(ours, torch["course"]);
      QVERIFY2(text.empty(), (call + " " + text).c_str());
    }
    const auto sgd = two_groups("SGD");
    const auto steps = make_scheduler("StepLR", *sgd, {{"step_size", int64_t{2}}});
    QVERIFY_EXCEPTION_THROWN(steps->step_to(0.5), Error);
  }

  void composed_schedulers_match_torch_data() {
    QTest::addColumn<QString>("python");
    QTest::addColumn<int>("kind");
    const QString module = "import torch.optim.lr_scheduler as L\n";
    QTest::newRow("LambdaLR") << module +
                                     "s = L.LambdaLR(o, [lambda e: 0.95 ** e, "
                                     "lambda e: 1 / (1 + e)])\n"
                              << 0;
    QTest::newRow("MultiplicativeLR")
        << module + "s = L.MultiplicativeLR(o, lambda e: 0.9 + 0.001 * e)\n"
        << 1;
    QTest::newRow("warm-up, then cosine")
        << module +
               "s = L.SequentialLR(o, [L.LinearLR(o, 0.1, total_iters=10), "
               "L.CosineAnnealingLR(o, 60), L.ExponentialLR(o, 0.9)], [10, 70])\n"
        << 2;
    QTest::newRow("ChainedScheduler")
        << module +
               "s = L.ChainedScheduler([L.ConstantLR(o, 0.1, total_iters=4), "
               "L.ExponentialLR(o, 0.97)])\n"
        << 3;
    QTest::newRow("restarts in a sequence")
        << module +
               "s = L.SequentialLR(o, [L.ConstantLR(o, 0.1, total_iters=30), "
               "L.CosineAnnealingWarmRestarts(o, 7, 2)], [12])\n"
        << 4;
  }

  void composed_schedulers_match_torch() {
    QFETCH(QString, python);
    QFETCH(int, kind);
    const auto optimizer = two_groups("SGD");
    const auto scheduler = composed(*optimizer, kind);
    Course ours;
    ours.note(*optimizer);
    for (int step = 0; step < kSteps; ++step) {
      scheduler->step();
      ours.note(*optimizer);
    }
    const auto torch = oracle_.run(
        python_optimizer("SGD") + python.toStdString() + kPythonCourse + python_steps(kSteps, ""),
        {}, {"course"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    const std::string text = compare(ours, torch["course"]);
    QVERIFY2(text.empty(), text.c_str());
  }

  void bad_schedules_are_refused() {
    const auto sgd = two_groups("SGD");
    const auto adagrad = two_groups("Adagrad");
    const auto refused = [](const auto& action) {
      try {
        action();
      } catch (const Error& error) {
        return error.text();
      }
      return std::string();
    };
    QVERIFY(refused([&] {
              make_scheduler("StepLR", *sgd, {{"step_size", int64_t{0}}});
            }).starts_with("[StepLR] step_size must be at least 1"));
    QVERIFY(refused([&] {
              make_scheduler("OneCycleLR", *sgd);
            }).starts_with("[OneCycleLR] total_steps"));
    QVERIFY(refused([&] {
              make_scheduler("OneCycleLR", *adagrad, {{"total_steps", int64_t{9}}});
            }).starts_with("[OneCycleLR] cycle_momentum"));
    QVERIFY(refused([&] { make_scheduler("Sometimes", *sgd); }).starts_with("[Scheduler]"));
    const auto plateau = make_scheduler("ReduceLROnPlateau", *sgd);
    QVERIFY(refused([&] { plateau->step(); }).find("metric") != std::string::npos);
    const auto cycle = make_scheduler("OneCycleLR", *sgd, {{"total_steps", int64_t{9}}});
    for (int i = 0; i < 9; ++i) cycle->step();
    QVERIFY(refused([&] { cycle->step(); }).find("9 steps") != std::string::npos);
  }

  void clipping_matches_torch() {
    Draw draw(test_seed());
    for (int i = 0; i < 40; ++i) {
      const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
      std::vector<Tensor> params;
      Oracle::Inputs inputs;
      for (const char* name : {"a", "b"}) {
        const Tensor grad = draw.numbers({draw.integer(1, 4), 3}, dtype);
        inputs.emplace_back(name, grad);
        params.push_back(zeros(grad.sizes(), dtype).set_requires_grad());
        params.back().set_grad(raw::clone(grad));
      }
      params.push_back(zeros({2}, dtype).set_requires_grad());  // without a gradient
      constexpr std::array kNorms = {"2.0", "1.0", "3.0", "inf"};
      const auto which = static_cast<size_t>(draw.integer(0, 3));
      const double p =
          which == 3 ? std::numeric_limits<double>::infinity() : std::stod(kNorms[which]);
      const double most = draw.real(0.1, 8);
      const bool by_value = draw.chance(0.3);
      double norm = 0;
      if (by_value) {
        optim::clip_grad_value_(params, most);
      } else {
        norm = optim::clip_grad_norm_(params, most, p);
      }
      const std::string call =
          by_value ? concat("clip_grad_value_(ps, ", nn::to_python(most), ")\nnorm = 0.0\n")
                   : concat("norm = clip_grad_norm_(ps, ", nn::to_python(most), ", float('",
                            kNorms[which], "'))\n");
      const auto torch = oracle_.run(
          "from torch.nn.utils import clip_grad_norm_, clip_grad_value_\n"
          "ps = [torch.zeros_like(g).requires_grad_() for g in (a, b)] + [torch.zeros(2)]\n"
          "for p, g in zip(ps, (a, b)): p.grad = g\n" +
              call + "norm = torch.tensor(float(norm), dtype=torch.float64)\n",
          inputs, {"a", "b", "norm"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      QVERIFY(std::abs(norm - torch["norm"].item()) <= 2e-6 * std::max(1.0, norm));
      for (size_t k = 0; k < 2; ++k) {
        const auto text = difference(params[k].grad(), torch[k == 0 ? "a" : "b"], call);
        QVERIFY2(text.empty(), text.c_str());
      }
    }
    const Tensor param = zeros({1}).set_requires_grad();
    param.set_grad(full({1}, std::numeric_limits<double>::infinity()));
    const std::array one{param};
    QVERIFY(std::isinf(optim::clip_grad_norm_(one, 1)));
    param.set_grad(full({1}, std::numeric_limits<double>::infinity()));
    QVERIFY_EXCEPTION_THROWN(optim::clip_grad_norm_(one, 1, 2, optim::NonFinite::Error), Error);
  }

  void averaged_weights_match_torch_data() {
    QTest::addColumn<double>("decay");
    QTest::addColumn<bool>("buffers");
    QTest::newRow("mean of all") << -1.0 << false;
    QTest::newRow("exponential") << 0.9 << false;
    QTest::newRow("exponential with buffers") << 0.75 << true;
  }

  void averaged_weights_match_torch() {
    QFETCH(double, decay);
    QFETCH(bool, buffers);
    Draw draw(test_seed());
    nn::BatchNorm1d model({.num_features = 3});
    nn::BatchNorm1d averaged({.num_features = 3});
    optim::AveragedModel::Options options{.use_buffers = buffers};
    if (decay >= 0) options.average = optim::exponential_average(decay);
    optim::AveragedModel average(averaged, options);
    const Tensor values = draw.numbers({5, 3, 3}, DType::Float32);
    for (int64_t i = 0; i < 5; ++i) {
      int64_t row = 0;
      for (const char* key : {"weight", "bias", "running_mean"}) {
        raw::copy_(*model.state_dict().find(key),
                   values.as_strided(Dims{3}, Dims{1}, i * 9 + 3 * row++));
      }
      average.update_parameters(model);
    }
    QCOMPARE(average.n_averaged(), int64_t{5});
    const std::string fn =
        decay < 0 ? "None" : concat("lambda a, m, n: a * ", decay, " + m * (1 - ", decay, ")");
    const auto torch = oracle_.run(
        concat("from torch.optim.swa_utils import AveragedModel\nm = nn.BatchNorm1d(3)\n",
               "avg = AveragedModel(m, avg_fn=", fn, ", use_buffers=", buffers ? "True" : "False",
               ")\nfor v in values:\n    with torch.no_grad():\n",
               "        m.weight.copy_(v[0]); m.bias.copy_(v[1]); m.running_mean.copy_(v[2])\n",
               "    avg.update_parameters(m)\n",
               "weight, bias, running_mean = (avg.module.state_dict()[k].clone() for k in ",
               "('weight', 'bias', 'running_mean'))\n"),
        {{"values", values}}, {"weight", "bias", "running_mean"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    for (const char* key : {"weight", "bias", "running_mean"}) {
      const auto text = difference(*averaged.state_dict().find(key), torch[key], key);
      QVERIFY2(text.empty(), text.c_str());
    }
  }

 private:
  static std::unique_ptr<optim::Scheduler> composed(optim::Optimizer& o, int kind) {
    std::vector<std::unique_ptr<optim::Scheduler>> parts;
    switch (kind) {
      case 0:
        return optim::lambda_lr(o, {[](int64_t e) { return std::pow(0.95, double(e)); },
                                    [](int64_t e) { return 1 / (1 + double(e)); }});
      case 1:
        return optim::multiplicative_lr(o, {[](int64_t e) { return 0.9 + 0.001 * double(e); }});
      case 2:
        parts.push_back(
            make_scheduler("LinearLR", o, {{"start_factor", 0.1}, {"total_iters", int64_t{10}}}));
        parts.push_back(make_scheduler("CosineAnnealingLR", o, {{"T_max", int64_t{60}}}));
        parts.push_back(make_scheduler("ExponentialLR", o, {{"gamma", 0.9}}));
        return optim::sequential_lr(o, std::move(parts), {10, 70});
      case 3:
        parts.push_back(
            make_scheduler("ConstantLR", o, {{"factor", 0.1}, {"total_iters", int64_t{4}}}));
        parts.push_back(make_scheduler("ExponentialLR", o, {{"gamma", 0.97}}));
        return optim::chained_scheduler(std::move(parts));
      default:
        parts.push_back(
            make_scheduler("ConstantLR", o, {{"factor", 0.1}, {"total_iters", int64_t{30}}}));
        parts.push_back(make_scheduler("CosineAnnealingWarmRestarts", o,
                                       {{"T_0", int64_t{7}}, {"T_mult", int64_t{2}}}));
        return optim::sequential_lr(o, std::move(parts), {12});
    }
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestSchedulersOracle)
#include "test_schedulers_oracle.moc"
