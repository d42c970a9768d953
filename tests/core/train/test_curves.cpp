#include <QtTest>
#include <algorithm>
#include <cmath>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/curves.h"
#include "tests/support/draw.h"

using namespace nw;
using train::Curves;

namespace {

train::StepDone step_of(int64_t number, double loss) {
  train::StepDone step;
  step.step = number;
  step.epoch = 1 + number / 100;
  step.loss = loss;
  step.accuracy = static_cast<double>(number % 33) / 32.0;
  step.learning_rate = 0.1 / static_cast<double>(number);
  return step;
}

/// `rows` batches of a run, an epoch's figures now and then.
Curves curves_of(int64_t rows, Generator& draw) {
  Curves curves;
  for (int64_t i = 1; i <= rows; ++i) {
    curves.add(step_of(i, std::ldexp(static_cast<double>(draw.random64()), -60)));
    if (draw.random32() % 97 != 0) continue;
    train::EpochDone epoch;
    if (draw.random32() % 3 != 0) epoch.validation_loss = std::ldexp(draw.random32(), -31);
    if (draw.random32() % 3 != 0) epoch.validation_accuracy = std::ldexp(draw.random32(), -32);
    curves.add(epoch);
  }
  return curves;
}

}  // namespace

class TestCurves : public QObject {
  Q_OBJECT

 private slots:
  void every_bit_comes_back() {
    Generator draw(static_cast<uint64_t>(test::test_seed()));
    for (const int64_t rows : {0, 1, 2, 100, 1023, 1024, 1025, 2048, 5000}) {
      const Curves curves = curves_of(rows, draw);
      const Curves back(curves.numbers());
      QCOMPARE(back.empty(), rows == 0);
      QCOMPARE(back.csv(true), curves.csv(true));
      const std::string csv = back.csv(true);
      QCOMPARE(std::count(csv.begin(), csv.end(), '\n'), rows + 1);
    }
  }

  void what_comes_back_goes_on() {
    Generator draw(1);
    const Curves half = curves_of(1500, draw);
    Curves whole = half, again(half.numbers());
    for (Curves* curves : {&whole, &again}) {
      for (int64_t i = 1501; i < 3000; ++i) curves->add(step_of(i, 1.0 / static_cast<double>(i)));
    }
    QCOMPARE(again.csv(true), whole.csv(true));
    QVERIFY(half.csv(true) != whole.csv(true));
  }

  void the_figures_of_an_epoch_reach_its_last_row_where_rows_are_packed() {
    for (int64_t rows = 1022; rows < 1027; ++rows) {
      Curves curves;
      for (int64_t i = 1; i <= rows; ++i) curves.add(step_of(i, 0.5));
      train::EpochDone epoch;
      epoch.validation_loss = 0.25;
      curves.add(epoch);
      const std::string csv = curves.csv(false);
      QCOMPARE(csv.find(",0.25,"), csv.rfind(",0.25,"));
      QVERIFY(csv.find(",0.25,") > csv.find(concat("\n", rows, ",")));
    }
  }

  void a_long_run_takes_a_few_bytes_a_step() {
    Curves curves;
    for (int64_t i = 1; i <= 100'000; ++i) {
      train::StepDone step = step_of(i, 0);
      step.learning_rate = 0.001;
      step.loss = static_cast<double>(static_cast<float>(std::exp(std::sin(i) - 1e-4 * i)));
      curves.add(step);
    }
    QVERIFY2(curves.numbers().numel() < 800'000,
             concat(curves.numbers().numel(), " bytes").c_str());
  }

  void numbers_of_earlier_versions_are_read() {
    const Tensor old = tensor_of<double>(std::vector<double>{1, 1, 0.5, 0.25, NAN, NAN, 0.1,  //
                                                             2, 1, 0.75, 0.5, 0.125, NAN, 0.01},
                                         {2, 7});
    QCOMPARE(Curves(old).csv(true),
             std::string("step,epoch,train_loss,train_accuracy,validation_loss,"
                         "validation_accuracy,learning_rate\n"
                         "1,1,0.5,0.25,,,0.1\n2,1,0.75,0.5,0.125,,0.01\n"));
  }

  void anything_else_is_refused() {
    Generator draw(2);
    const Tensor good = curves_of(1500, draw).numbers();
    const std::vector<uint8_t> bytes(good.data<uint8_t>(), good.data<uint8_t>() + good.numel());
    for (size_t keep = 1; keep < bytes.size(); keep += 997) {
      const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<int64_t>(keep));
      const Tensor cut = tensor_of<uint8_t>(part, {static_cast<int64_t>(keep)});
      QVERIFY_THROWS_EXCEPTION(Error, Curves{cut});
    }
    std::vector<uint8_t> huge = bytes;
    huge[3] = 0xff;  // rows beyond all bounds
    QVERIFY_THROWS_EXCEPTION(Error, Curves{tensor_of<uint8_t>(huge, {good.numel()})});
    // Some bits of a packed stream mean nothing.
    const std::string csv = Curves(good).csv(true);
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
      std::vector<uint8_t> other = bytes;
      other[draw.random32() % other.size()] ^= static_cast<uint8_t>(1 + draw.random32() % 255);
      try {
        QCOMPARE(Curves(tensor_of<uint8_t>(other, {good.numel()})).csv(true), csv);
      } catch (const Error&) {
        ++refused;
      }
    }
    QVERIFY(refused > 290);
    QVERIFY_THROWS_EXCEPTION(Error, Curves(zeros({3, 6}, DType::Float64)));
    QVERIFY_THROWS_EXCEPTION(Error, Curves(zeros({3, 7}, DType::Float32)));
    QVERIFY_THROWS_EXCEPTION(Error, Curves(zeros({3, 7}, DType::UInt8)));
  }
};

QTEST_GUILESS_MAIN(TestCurves)
#include "test_curves.moc"
