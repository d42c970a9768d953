#include <QtTest>
#include <cmath>
#include <limits>

#include "core/backend/creation.h"
#include "core/nn/block.h"
#include "tests/support/block_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 60;

bool is_tested(const nn::Block& block) {
  if (block.torch_name.empty() || block.make == nullptr) return false;
  return block.role == nn::Role::Loss || block.category == "activation";
}

/// NaN, both infinities and zeros, whole and half numbers at which functions bend, numbers whose
/// exponential overflows, and those that the block was made with.
std::vector<double> special_values(const BlockCase& drawn) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> values = {std::nan(""), kInfinity, -kInfinity, 0.0, -0.0};
  for (double bend : {0.5, 1.0, 3.0, 6.0, 20.0, 100.0, 1e4}) {
    values.push_back(bend);
    values.push_back(-bend);
  }
  for (const auto& [name, value] : drawn.args) {
    const auto* number = std::get_if<double>(&value);
    if (number == nullptr || !std::isfinite(*number)) continue;
    values.push_back(*number);
    values.push_back(-*number);
  }
  return values;
}

/// Half of the numbers special; where only some values are allowed, those and seldom NaN.
void make_special(Draw& draw, const BlockCase& drawn, const nn::Port& port, Tensor& x) {
  std::vector<double> values = special_values(drawn);
  if (port.numbers == nn::PortNumbers::Probabilities) {
    values = {0, 1};
    if (draw.chance(0.1)) values.push_back(std::nan(""));
  }
  const bool learns = x.requires_grad();
  const Tensor wide = raw::contiguous(raw::to(x.detach(), DType::Float64));
  for (int64_t i = 0; i < wide.numel(); ++i) {
    if (draw.chance(0.5)) continue;
    wide.data<double>()[i] =
        values[static_cast<size_t>(draw.integer(0, static_cast<int64_t>(values.size()) - 1))];
  }
  x = raw::to(wide, x.dtype());
  if (learns) x.set_requires_grad();
}

BlockCase draw_special(Draw& draw, const nn::Block& block) {
  constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Float16};
  BlockCase drawn = draw_case(draw, block, kTypes[draw.integer(0, draw.chance(0.3) ? 3 : 1)]);
  // Where a function forgets its input, PyTorch tells slopes from results in yet another way.
  if (block.find("inplace") != nullptr) drawn.args.set("inplace", false);
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    Tensor& x = drawn.inputs[i];
    if (x.defined() && is_floating(x.dtype())) make_special(draw, drawn, block.inputs[i], x);
  }
  return drawn;
}

}  // namespace

/// Every registered activation and loss against PyTorch at NaN, infinities, zeros and where the
/// functions bend: results, gradients, and what is refused.
class TestSpecialValuesOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (is_tested(block)) QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  void matches_torch() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    int with_gradients = 0;
    for (int i = 0; i < kCases; ++i) {
      const BlockCase drawn = draw_special(draw, block);
      const Verdict verdict = compare_with_torch(draw, oracle_, drawn, GradientLayout::Contiguous);
      QVERIFY2(verdict.problem.empty(), (drawn.text() + "\n  " + verdict.problem).c_str());
      with_gradients += verdict.backward;
    }
    QVERIFY2(with_gradients >= kCases / 10, "too few cases had gradients to prove much");
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestSpecialValuesOracle)
#include "test_special_values_oracle.moc"
