#include <QtTest>
#include <cstdio>

#include "core/nn/block.h"
#include "tests/support/block_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 200;
// Large blocks, such as a Transformer of the default size, are tried less often.
constexpr int kLeastCases = 40;
constexpr int kPatienceMs = 30'000;

}  // namespace

/// Every registered block against PyTorch, with arguments and inputs drawn at random from its
/// description: initial weights bit for bit, state_dict, printed text, outputs, gradients, and what
/// is refused. `test_blocks_oracle matches_torch:LSTM` tests one.
class TestBlocksOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  void matches_torch() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    Coverage coverage;
    int accepted = 0;
    int with_gradients = 0;
    int strayed = 0;  // of float64, so far that only the spread of rounding judges them
    QElapsedTimer clock;
    clock.start();
    int cases = 0;
    for (; cases < kCases && (cases < kLeastCases || clock.elapsed() < kPatienceMs); ++cases) {
      const BlockCase drawn = draw_case(draw, block);
      const Verdict verdict = compare_with_torch(draw, oracle_, drawn);
      QVERIFY2(verdict.problem.empty(), (drawn.text() + "\n  " + verdict.problem).c_str());
      coverage.count(drawn, verdict);
      accepted += verdict.accepted;
      strayed += verdict.by_spread && drawn.dtype == DType::Float64;
      with_gradients += verdict.backward;
    }
    std::printf("%-24s %3d cases equal PyTorch's, %3d with gradients, %d ill-conditioned\n",
                block.id.c_str(), accepted, with_gradients, strayed);
    std::fflush(stdout);
    QVERIFY2(accepted >= cases / 7, "too few cases were legal to prove much");
    QVERIFY2(strayed <= 2 + accepted / 20, "too many cases were ill-conditioned to prove much");
    // PyTorch 1.13 has no gradient of it.
    const bool can_have_gradients = block.id != "ChannelShuffle";
    QVERIFY2(!can_have_gradients || with_gradients >= accepted / 2,
             "too few cases had gradients to prove much");
    if (cases < kCases) {  // a large block: too few cases to meet each option
      coverage.write(block);
      return;
    }
    std::string undrawn;
    for (const std::string& name : coverage.undrawn(block)) undrawn += " " + name;
    QVERIFY2(undrawn.empty(), ("always had their defaults:" + undrawn).c_str());
    coverage.write(block);
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestBlocksOracle)
#include "test_blocks_oracle.moc"
