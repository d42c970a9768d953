#include <QtTest>
#include <limits>
#include <random>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/optim/grad_scaler.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;
using optim::GradScaler;

namespace {

/// torch's own GradScaler, whose two functions for CUDA are replaced by what their documentation
/// says.
constexpr const char* kScaler = R"(
import torch.cuda.amp.grad_scaler as amp
class Replicator:
    def __init__(self, master):
        self.master, self._per_device_tensors = master, {}
    def get(self, device):
        return self._per_device_tensors.setdefault(device, self.master)
def unscale(grads, found_inf, inv_scale):
    for grad in grads:
        if not torch.isfinite(grad).all():
            found_inf.fill_(1.0)
        grad.mul_(inv_scale)
def update_scale(scale, tracker, found_inf, growth, backoff, interval):
    if found_inf.item():
        scale.copy_((scale.double() * backoff).float())
        tracker.fill_(0)
    elif tracker.item() + 1 == interval:
        grown = (scale.double() * growth).float()
        if torch.isfinite(grown).all():
            scale.copy_(grown)
        tracker.fill_(0)
    else:
        tracker.add_(1)
amp._MultiDeviceReplicator = Replicator
amp.amp_definitely_not_available = lambda: False
torch._amp_foreach_non_finite_check_and_unscale_ = unscale
torch._amp_update_scale_ = update_scale
scaler = amp.GradScaler(init_scale=INIT, growth_factor=GROWTH, backoff_factor=BACKOFF,
                        growth_interval=INTERVAL)
scaler._lazy_init_scale_growth_tracker("cpu")
params = [p0.clone().requires_grad_(), p1.clone().requires_grad_()]
optimizer = optim.SGD(params, lr=0.1, momentum=0.9)
scales = []
for row0, row1 in zip(g0, g1):
    params[0].grad = row0 * scaler._scale
    params[1].grad = row1 * scaler._scale
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scales.append(scaler.get_scale())
result = {"scales": torch.tensor(scales, dtype=torch.float64), "p0": params[0], "p1": params[1],
          "state": str(scaler.state_dict())}
)";

std::string replaced(std::string text, const std::string& word, double value) {
  text.replace(text.find(word), word.size(), QString::number(value, 'g', 17).toStdString());
  return text;
}

std::unique_ptr<optim::Optimizer> sgd(const std::vector<Tensor>& params) {
  return optim::make_optimizer("SGD", params, {{"lr", 0.1}, {"momentum", 0.9}});
}

Tensor weight(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  const Tensor out = tensor_of<float>(values, {count});
  out.set_requires_grad();
  return out;
}

}  // namespace

class TestGradScaler : public QObject {
  Q_OBJECT

 private slots:
  void follows_torch_data() {
    QTest::addColumn<double>("init");
    QTest::addColumn<double>("growth");
    QTest::addColumn<double>("backoff");
    QTest::addColumn<int>("interval");
    QTest::newRow("as usual") << 65536.0 << 2.0 << 0.5 << 2000;
    QTest::newRow("grows often") << 16.0 << 2.0 << 0.5 << 3;
    QTest::newRow("odd factors") << 3.7 << 1.3 << 0.71 << 2;
    QTest::newRow("up to the largest number") << 1e38 << 4.0 << 0.5 << 1;
  }

  void follows_torch() {
    QFETCH(double, init);
    QFETCH(double, growth);
    QFETCH(double, backoff);
    QFETCH(int, interval);
    constexpr int64_t kSteps = 40;
    Draw draw(test_seed() + static_cast<uint64_t>(init));
    const Tensor p0 = draw.numbers({3}, DType::Float32);
    const Tensor p1 = draw.numbers({2, 2}, DType::Float64);
    const Tensor g0 = draw.numbers({kSteps, 3}, DType::Float32);
    const Tensor g1 = draw.numbers({kSteps, 2, 2}, DType::Float64);
    for (int64_t i = 0; i < kSteps; ++i) {
      const double bad = draw.chance(0.5) ? std::numeric_limits<double>::infinity() : NAN;
      if (draw.chance(0.2)) g0.data<float>()[3 * i + draw.integer(0, 2)] = static_cast<float>(bad);
      if (draw.chance(0.1)) g1.data<double>()[4 * i + draw.integer(0, 3)] = bad;
    }
    std::string code = replaced(replaced(kScaler, "INIT", init), "GROWTH", growth);
    code = replaced(replaced(code, "BACKOFF", backoff), "INTERVAL", interval);
    const auto torch = oracle_.run(code, {{"p0", p0}, {"p1", p1}, {"g0", g0}, {"g1", g1}}, {});
    QVERIFY2(torch.ok(), torch.error.c_str());

    const std::vector<Tensor> params{raw::clone(p0), raw::clone(p1)};
    for (const Tensor& param : params) param.set_requires_grad();
    const auto optimizer = sgd(params);
    GradScaler scaler({init, growth, backoff, interval});
    int left_out = 0;
    for (int64_t i = 0; i < kSteps; ++i) {
      const Tensor one = full({}, 1.0, DType::Float32, kCpu);
      const Tensor scale = scaler.scale(one);
      QCOMPARE(scale.item(), scaler.get_scale());
      const auto row = [&](const Tensor& all, const Tensor& param) {
        const Tensor view = all.as_strided(param.sizes(), param.strides(), i * param.numel());
        return ops::mul(view, scale);
      };
      params[0].set_grad(row(g0, params[0]));
      params[1].set_grad(row(g1, params[1]));
      scaler.unscale_(*optimizer);
      left_out += !scaler.step(*optimizer);
      scaler.update();
      QCOMPARE(scaler.get_scale(), torch["scales"].data<double>()[i]);
    }
    QVERIFY(left_out > 0);
    for (size_t i = 0; i < 2; ++i) {
      const std::string problem =
          difference(params[i].detach(), torch["p" + std::to_string(i)], "parameter");
      QVERIFY2(problem.empty(), problem.c_str());
    }
    const double tracker = scaler.state_dict().at("_growth_tracker").number();
    const std::string noted = concat("'_growth_tracker': ", static_cast<int64_t>(tracker), "}");
    QVERIFY2(torch.texts.at("state").ends_with(noted), torch.texts.at("state").c_str());
  }

  void goes_on_from_its_state() {
    const Tensor param = weight({1, 2});
    const auto optimizer = sgd({param});
    GradScaler scaler({.init_scale = 8, .growth_interval = 3});
    const auto step = [&](GradScaler& one) {
      param.set_grad(one.scale(full({2}, 1.0, DType::Float32, kCpu)));
      one.step(*optimizer);
      one.update();
    };
    step(scaler);
    step(scaler);
    GradScaler other;
    other.load_state_dict(scaler.state_dict());
    QCOMPARE(other.get_scale(), 8.0);
    step(other);
    QCOMPARE(other.get_scale(), 16.0);
    QVERIFY_THROWS_EXCEPTION(Error, other.load_state_dict({}));
  }

  void takes_a_given_scale() {
    GradScaler scaler;
    const Tensor one = full({}, 1.0, DType::Float32, kCpu);
    QCOMPARE(scaler.scale(one).item(), 65536.0);
    scaler.update(12.0);
    QCOMPARE(scaler.scale(one).item(), 12.0);
  }

  void is_strict_about_the_order() {
    const Tensor param = weight({1});
    const auto optimizer = sgd({param});
    GradScaler scaler;
    QVERIFY_THROWS_EXCEPTION(Error, scaler.unscale_(*optimizer));  // before scale()
    param.set_grad(scaler.scale(full({1}, 1.0, DType::Float32, kCpu)));
    QVERIFY_THROWS_EXCEPTION(Error, scaler.update());  // before step()
    scaler.unscale_(*optimizer);
    QVERIFY_THROWS_EXCEPTION(Error, scaler.unscale_(*optimizer));
    QVERIFY(scaler.step(*optimizer));
    QVERIFY_THROWS_EXCEPTION(Error, scaler.step(*optimizer));
    QVERIFY_THROWS_EXCEPTION(Error, scaler.unscale_(*optimizer));
    scaler.update();
    param.set_grad({});
    QVERIFY_THROWS_EXCEPTION(Error, scaler.step(*optimizer));  // no gradients
    const Tensor narrow = full({1}, 1.0, DType::Float16, kCpu).set_requires_grad();
    const auto other = sgd({narrow});
    narrow.set_grad(full({1}, 1.0, DType::Float16, kCpu));
    QVERIFY_THROWS_EXCEPTION(Error, scaler.unscale_(*other));
    QVERIFY_THROWS_EXCEPTION(Error, GradScaler({.growth_factor = 1}));
    QVERIFY_THROWS_EXCEPTION(Error, GradScaler({.backoff_factor = 1}));
  }

  void does_nothing_when_it_is_off() {
    const Tensor param = weight({1});
    const auto optimizer = sgd({param});
    GradScaler scaler({.enabled = false});
    const Tensor loss = full({}, 3.0, DType::Float32, kCpu);
    QVERIFY(scaler.scale(loss).is_same(loss));
    param.set_grad(full({1}, INFINITY, DType::Float32, kCpu));
    QVERIFY(scaler.step(*optimizer));
    scaler.update();
    QVERIFY(scaler.state_dict().empty());
    QCOMPARE(scaler.get_scale(), 1.0);
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestGradScaler)
#include "test_grad_scaler.moc"
