#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/call.h"
#include "core/optim/clip.h"
#include "core/optim/grad_scaler.h"
#include "core/optim/recordable_step.h"
#include "core/optim/scheduler.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/recording_device.h"

using namespace nw;
using namespace nw::optim;
using namespace nw::test;

namespace {

constexpr int kSteps = 50;

enum class Clip { None, Norm, Value };

/// What an update is made of, besides the optimiser.
struct Kind {
  Clip clip = Clip::None;
  bool scales = false;
  std::string scheduler = {};
};

/// Parameters on the device, in two groups, and what changes them. Gradients lie in the same memory
/// in each step, as those of a recording do.
struct Learner {
  std::vector<Tensor> params, grads;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Scheduler> scheduler;
  GradScaler scaler;
  Kind kind;

  Learner(const OptimizerSpec& spec, const nn::Args& args, const Kind& given,
          const std::vector<Tensor>& numbers)
      : scaler({.init_scale = 64, .growth_interval = 3, .enabled = given.scales}), kind(given) {
    const Device device = device_from_string("cuda:0");
    for (const Tensor& one : numbers) {
      params.push_back(raw::to(raw::clone(one), device));
      params.back().set_requires_grad();
      grads.push_back(raw::clone(params.back().detach()));
    }
    optimizer = spec.make({params.begin(), params.end() - 1}, args);
    optimizer->add_param_group({params.back()}, {{"lr", args.real("lr") / 2}});
    scaler.scale(full({}, 1, DType::Float32, device));
    if (kind.scheduler.empty()) return;
    const SchedulerSpec& scheduler_spec = *schedulers().find(kind.scheduler);
    nn::Args options;
    if (kind.scheduler == "StepLR") options.set("step_size", int64_t{7});
    if (kind.scheduler == "CosineAnnealingWarmRestarts") options.set("T_0", int64_t{6});
    scheduler = scheduler_spec.make(*optimizer, scheduler_spec.complete(options));
  }

  void clip() const {
    if (kind.clip == Clip::Norm) queue_clip_grad_norm_(params, 0.7);
    if (kind.clip == Clip::Value) clip_grad_value_(params, 0.3);
  }
  void take(const std::vector<Tensor>& fresh) const {
    for (size_t i = 0; i < params.size(); ++i) {
      raw::copy_(grads[i], fresh[i]);
      params[i].set_grad(grads[i]);
    }
  }
};

/// As a script does it.
void step_eagerly(Learner& one) {
  one.scaler.unscale_(*one.optimizer);
  one.clip();
  one.scaler.step(*one.optimizer);
  one.scaler.update();
}

/// The same, recorded and replayed.
class Replayed {
 public:
  explicit Replayed(Learner& one) : one_(one), steps_(*one.optimizer) {}

  void step() {
    if (!steps_.prepare()) work_.reset();
    if (work_ == nullptr) {
      ++recordings;
      work_ =
          recording_device().capture(one_.params[0].device(), default_generator(), nullptr, [&] {
            if (one_.scaler.is_enabled()) found_ = one_.scaler.unscale_to_flag(*one_.optimizer);
            one_.clip();
            steps_.queue(found_);
            if (one_.scaler.is_enabled()) one_.scaler.update_by(found_);
          });
    }
    work_->replay(default_generator());
    if (one_.scaler.is_enabled()) steps_.count_unless(found_);
  }
  void settle() { steps_.settle(); }
  int recordings = 0;

 private:
  Learner& one_;
  RecordableStep steps_;
  Tensor found_;
  std::unique_ptr<Captured> work_;
};

std::string difference_of(const OptimizerState& a, const OptimizerState& b) {
  for (size_t p = 0; p < b.state.size(); ++p) {
    for (const auto& [name, value] : b.state[p].second) {
      const StateValue& ours = a.state.at(p).second.at(name);
      const auto* tensor = std::get_if<Tensor>(&value.held);
      const std::string text = tensor != nullptr ? bit_difference(ours.tensor(), *tensor, name)
                               : value.is_none() || ours.number() == value.number() ? std::string()
                                                                                    : name;
      if (!text.empty()) return text;
    }
  }
  return a.state.size() == b.state.size() ? std::string() : "other parameters have a state";
}

}  // namespace

/// Steps of optimisers that are recorded and replayed, against those that are not.
class TestRecordableStep : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { recording_device(); }

  void replays_as_it_steps_data() {
    QTest::addColumn<QString>("id");
    for (const OptimizerSpec& spec : optimizers().all()) {
      if (!spec.needs_closure) QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
    }
  }

  /// Every optimiser with drawn arguments × clipping × loss scaling × schedulers.
  void replays_as_it_steps() {
    QFETCH(QString, id);
    const OptimizerSpec& spec = *optimizers().find(id.toStdString());
    Draw draw(test_seed());
    for (const Clip clip : {Clip::None, Clip::Norm, Clip::Value}) {
      for (const bool scales : {false, true}) {
        for (const char* scheduler :
             {"", "StepLR", "CosineAnnealingWarmRestarts", "ExponentialLR"}) {
          nn::Args args = draw.args(spec);
          args.set("lr", draw.real(0.001, 0.1));
          compare(spec, spec.complete(args), {clip, scales, scheduler}, draw);
          if (QTest::currentTestFailed()) return;
        }
      }
    }
  }

  void other_memory_is_recorded_anew() {
    Learner one(*optimizers().find("Adam"), optimizers().find("Adam")->complete({}), {},
                {full({3}, 1.0, DType::Float32, kCpu), full({2}, 1.0, DType::Float32, kCpu)});
    Replayed replayed(one);
    const auto step = [&] {
      for (size_t i = 0; i < one.params.size(); ++i) one.params[i].set_grad(one.grads[i]);
      replayed.step();
    };
    for (int i = 0; i < 3; ++i) step();
    QCOMPARE(replayed.recordings, 1);
    one.optimizer->set_option(0, "beta1", 0.5);
    one.optimizer->set_option(0, "weight_decay", 0.5);
    step();
    QCOMPARE(replayed.recordings, 1);               // options are read anew
    one.optimizer->set_option(0, "amsgrad", true);  // which keeps more
    step();
    QCOMPARE(replayed.recordings, 2);
    one.grads[0] = raw::clone(one.grads[0]);
    step();
    QCOMPARE(replayed.recordings, 3);
    one.params[0].set_data(raw::clone(one.params[0].detach()));
    step();
    QCOMPARE(replayed.recordings, 4);
    const Tensor more = full({4}, 1.0, DType::Float32, one.params[0].device()).set_requires_grad();
    one.params.push_back(more);
    one.grads.push_back(raw::clone(more.detach()));
    one.optimizer->add_param_group({more});
    step();
    QCOMPARE(replayed.recordings, 5);
    step();
    QCOMPARE(replayed.recordings, 5);
  }

  void a_step_that_is_left_out_after_parameters_were_added() {
    const OptimizerSpec& adam = *optimizers().find("Adam");
    Learner one(adam, adam.complete({}), {.scales = true},
                {full({3}, 1.0, DType::Float32, kCpu), full({2}, 1.0, DType::Float32, kCpu)});
    Replayed replayed(one);
    for (const double gradient : {1.0, HUGE_VAL}) {
      one.take({full({3}, gradient, DType::Float32, kCpu), full({2}, 1.0, DType::Float32, kCpu)});
      replayed.step();
    }
    one.optimizer->add_param_group(
        {full({4}, 1.0, DType::Float32, one.params[0].device()).set_requires_grad()});
    replayed.settle();
    const OptimizerState state = one.optimizer->state_dict();
    QCOMPARE(state.state.size(), size_t{2});
    QCOMPARE(state.state[0].second.at("step").number(), 1.0);
    QCOMPARE(one.scaler.get_scale(), 32.0);
  }

  void closures_are_refused() {
    const Tensor param = full({2}, 1.0, DType::Float32, kCpu).set_requires_grad();
    const auto lbfgs = make_optimizer("LBFGS", {param});
    QVERIFY_THROWS_EXCEPTION(Error, RecordableStep{*lbfgs});
  }

  /// The clipping that waits for nothing gives the bits of the one that returns the norm.
  void clipping_without_waiting() {
    Draw draw(test_seed());
    for (int i = 0; i < 300; ++i) {
      std::vector<Tensor> waits, queues;
      for (int64_t n = draw.integer(1, 4); n > 0; --n) {
        const DType dtype = draw.chance(0.5)   ? DType::Float32
                            : draw.chance(0.5) ? DType::Float64
                                               : DType::Float16;
        const Tensor param = zeros({draw.integer(0, 70)}, dtype, kCpu).set_requires_grad();
        Tensor grad = draw.numbers(param.sizes(), dtype);
        if (grad.numel() > 0 && draw.chance(0.05)) raw::fill_(grad.as_strided({}, {}, 0), NAN);
        waits.push_back(param);
        waits.back().set_grad(grad);
        queues.push_back(zeros(param.sizes(), dtype, kCpu).set_requires_grad());
        queues.back().set_grad(raw::clone(grad));
      }
      const double most = draw.real(0.1, 5);
      const double degree = draw.chance(0.5) ? 2 : draw.chance(0.5) ? 1 : HUGE_VAL;
      clip_grad_norm_(waits, most, degree);
      queue_clip_grad_norm_(queues, most, degree);
      for (size_t p = 0; p < waits.size(); ++p) {
        const std::string text = bit_difference(queues[p].grad(), waits[p].grad(), "clipped");
        QVERIFY2(text.empty(), text.c_str());
      }
    }
  }

 private:
  void compare(const OptimizerSpec& spec, const nn::Args& args, const Kind& kind, Draw& draw) {
    std::vector<Tensor> numbers;
    for (const Dims& sizes : {Dims{7, 5}, Dims{33}, Dims{}, Dims{4}}) {
      numbers.push_back(draw.numbers(sizes, DType::Float32));
    }
    if (draw.chance(0.5)) numbers[1] = draw.numbers({33}, DType::Float64);
    Learner expected(spec, args, kind, numbers);
    Learner ours(spec, args, kind, numbers);
    Replayed replayed(ours);
    int first_good = kSteps;
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Tensor> fresh;
      for (const Tensor& one : numbers) fresh.push_back(draw.numbers(one.sizes(), one.dtype()));
      // Also in the first steps, before there is any state.
      const bool bad = kind.scales && (step < 2 || draw.chance(0.15));
      if (bad) raw::fill_(fresh[0].as_strided({}, {}, 3), draw.chance(0.5) ? HUGE_VAL : NAN);
      if (!bad) first_good = std::min(first_good, step);
      expected.take(fresh);
      ours.take(fresh);
      step_eagerly(expected);
      replayed.step();
      if (kind.scheduler.empty()) continue;
      expected.scheduler->step();
      ours.scheduler->step();
    }
    replayed.settle();
    const std::string code = nn::python_call(spec, args);
    // Steps that were left out before there was a state leave none to be recorded with.
    QVERIFY2(replayed.recordings <= first_good + 2, code.c_str());
    QCOMPARE(ours.scaler.get_scale(), expected.scaler.get_scale());
    for (size_t p = 0; p < numbers.size(); ++p) {
      const std::string text =
          bit_difference(ours.params[p].detach(), expected.params[p].detach(), code);
      QVERIFY2(text.empty(), text.c_str());
    }
    const std::string text =
        difference_of(ours.optimizer->state_dict(), expected.optimizer->state_dict());
    QVERIFY2(text.empty(), (code + ": " + text).c_str());
  }
};

QTEST_GUILESS_MAIN(TestRecordableStep)
#include "test_recordable_step.moc"
