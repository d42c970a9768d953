#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/loss.h"
#include "core/ops/softmax.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 150;

/// One batch of sequences with targets that may or may not be possible.
struct Batch {
  Tensor scores, targets, input_lengths, target_lengths;
  ops::CtcOptions options;
  ops::Reduction reduction;
  std::string text;
};

/// The first classes of each row of `padded`, behind one another.
Tensor in_one_row(const Tensor& padded, const Tensor& lengths) {
  std::vector<int64_t> row;
  for (int64_t n = 0; n < lengths.numel(); ++n) {
    const int64_t* from = padded.data<int64_t>() + n * padded.size(1);
    row.insert(row.end(), from, from + lengths.data<int64_t>()[n]);
  }
  return tensor_of<int64_t>(row, {static_cast<int64_t>(row.size())});
}

Batch draw_batch(Draw& draw, DType dtype) {
  const int64_t steps = draw.integer(1, 12), samples = draw.integer(1, 4);
  const int64_t classes = draw.integer(2, 6), most = draw.integer(1, 5);
  Batch batch;
  batch.scores = draw.numbers({steps, samples, classes}, dtype);
  batch.options.blank = draw.integer(0, classes - 1);
  batch.options.zero_infinity = draw.chance(0.5);
  batch.reduction = static_cast<ops::Reduction>(draw.integer(0, 2));
  Tensor padded = draw.whole({samples, most}, 0, classes - 2);
  for (int64_t i = 0; i < padded.numel(); ++i) {
    int64_t& label = padded.data<int64_t>()[i];
    if (label >= batch.options.blank) ++label;
  }
  batch.input_lengths = draw.whole({samples}, 1, steps);
  batch.target_lengths = draw.whole({samples}, 0, most);
  batch.targets = draw.chance(0.5) ? padded : in_one_row(padded, batch.target_lengths);
  if (draw.chance(0.3)) batch.input_lengths = raw::to(batch.input_lengths, DType::Int32);
  batch.text =
      concat("blank=", batch.options.blank,
             ", zero_infinity=", batch.options.zero_infinity ? "True" : "False", ", reduction='",
             std::array{"none", "mean", "sum"}[static_cast<size_t>(batch.reduction)], "'");
  return batch;
}

}  // namespace

/// CTCLoss behind a log_softmax against PyTorch: lengths of all kinds, targets padded and in one
/// row, impossible targets, any blank.
class TestCtcOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void equals_torch_data() {
    QTest::addColumn<int>("dtype");
    QTest::newRow("float32") << static_cast<int>(DType::Float32);
    QTest::newRow("float64") << static_cast<int>(DType::Float64);
  }

  void equals_torch() {
    QFETCH(int, dtype);
    Draw draw(test_seed());
    for (int i = 0; i < kCases; ++i) {
      const Batch batch = draw_batch(draw, static_cast<DType>(dtype));
      batch.scores.set_requires_grad();
      const Tensor loss =
          ops::ctc_loss(ops::log_softmax(batch.scores, 2), batch.targets, batch.input_lengths,
                        batch.target_lengths, batch.options, batch.reduction);
      const Tensor grad = draw.numbers(loss.sizes(), loss.dtype());
      autograd::backward(loss, grad);
      const auto torch =
          oracle_.run("x.requires_grad_()\nloss = F.ctc_loss(x.log_softmax(2), t, il, tl, " +
                          batch.text + ")\nloss.backward(g)\ngrad = x.grad",
                      {{"x", batch.scores.detach()},
                       {"t", batch.targets},
                       {"il", batch.input_lengths},
                       {"tl", batch.target_lengths},
                       {"g", grad}},
                      {"loss", "grad"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      std::string problem = difference(loss, torch["loss"], "loss");
      if (problem.empty()) {
        problem = difference(batch.scores.grad(), torch["grad"], "gradient", 4);
      }
      QVERIFY2(problem.empty(),
               (describe(batch.scores) + " " + batch.text + "\n" + problem).c_str());
    }
  }

  void a_single_sequence_needs_no_batch() {
    const Tensor x = Draw(5).numbers({6, 4}, DType::Float64);
    const Tensor targets = tensor_of<int64_t>(std::vector<int64_t>{1, 3}, {2});
    const Tensor steps = full({}, 6, DType::Int64, kCpu), length = full({}, 2, DType::Int64, kCpu);
    const Tensor loss = ops::ctc_loss(x, targets, steps, length, {}, ops::Reduction::None);
    const auto torch = oracle_.run("y = F.ctc_loss(x, t, s, l, reduction='none')",
                                   {{"x", x}, {"t", targets}, {"s", steps}, {"l", length}}, {"y"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    const std::string problem = difference(loss, torch["y"], "loss");
    QVERIFY2(problem.empty(), problem.c_str());
  }

  void what_does_not_fit_is_refused() {
    const Tensor x = zeros({4, 2, 3}, DType::Float32, kCpu);
    const auto lengths = [](int64_t a, int64_t b) {
      return tensor_of<int64_t>(std::vector<int64_t>{a, b}, {2});
    };
    const Tensor targets = tensor_of<int64_t>(std::vector<int64_t>{1, 2, 1, 2}, {2, 2});
    const auto refuses = [&](const Tensor& wanted, const Tensor& steps, const Tensor& counts,
                             int64_t blank, const char* expected) {
      try {
        ops::ctc_loss(x, wanted, steps, counts, {.blank = blank});
      } catch (const Error& error) {
        QCOMPARE(error.text(), std::string(expected));
        return;
      }
      QFAIL("nothing was thrown");
    };
    refuses(targets, lengths(4, 5), lengths(2, 1), 0,
            "[CTCLoss] input_lengths[1] must be between 0 and 4, is 5");
    refuses(targets, lengths(4, 4), lengths(3, 1), 0,
            "[CTCLoss] target_lengths[0] must be between 0 and 2, is 3");
    refuses(targets, lengths(4, 4), lengths(2, 1), 3,
            "[CTCLoss] blank must be one of 3 classes, is 3");
    refuses(tensor_of<int64_t>(std::vector<int64_t>{1, 2, 1}, {3}), lengths(4, 4), lengths(2, 2), 0,
            "[CTCLoss] expects 4 targets, as the target_lengths say, gets 3");
    refuses(tensor_of<int64_t>(std::vector<int64_t>{1, 3, 1, 2}, {2, 2}), lengths(4, 4),
            lengths(2, 1), 0, "[CTCLoss] target 3 is outside 0 … 2");
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestCtcOracle)
#include "test_ctc_oracle.moc"
