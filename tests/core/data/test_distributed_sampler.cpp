#include "core/data/distributed_sampler.h"

#include <QtTest>

#include "core/base/error.h"
#include "core/base/random.h"
#include "tests/support/draw.h"
#include "tests/support/python.h"

using namespace nw;
using data::DistributedSampler;

namespace {

/// Prints the indices of all ranks of one setting in a line each.
const char* const kScript = R"(
import sys
from torch.utils.data.distributed import DistributedSampler
for line in sys.argv[1:]:
    n, ranks, shuffle, seed, drop_last, epoch = map(int, line.split(','))
    for rank in range(ranks):
        sampler = DistributedSampler(range(n), ranks, rank, bool(shuffle), seed, bool(drop_last))
        sampler.set_epoch(epoch)
        print(line, rank, len(sampler), *sampler)
)";

}  // namespace

class TestDistributedSampler : public QObject {
  Q_OBJECT

 private slots:
  void dealsAsTorchDoes() {
    QStringList settings{"5,2,1,0,0,0", "5,2,1,0,1,0", "2,7,1,3,0,1", "2,7,0,3,1,1",
                         "1,1,1,0,0,9", "0,1,1,0,0,0", "0,3,0,4,1,2"};
    Generator draw(static_cast<uint64_t>(test::test_seed()));
    const auto below = [&](uint32_t limit) { return draw.random32() % limit; };
    for (int i = 0; i < 40; ++i) {
      settings.append(QString("%1,%2,%3,%4,%5,%6")
                          .arg(1 + below(i % 4 == 0 ? 5000 : 40))
                          .arg(1 + below(9))
                          .arg(below(2))
                          .arg(draw.random32())
                          .arg(below(2))
                          .arg(below(100)));
    }
    QByteArray ours;
    for (const QString& line : settings) {
      const QStringList parts = line.split(',');
      for (int64_t rank = 0; rank < parts[1].toLongLong(); ++rank) {
        DistributedSampler sampler(parts[0].toLongLong(), {.num_replicas = parts[1].toLongLong(),
                                                           .rank = rank,
                                                           .shuffle = parts[2] == "1",
                                                           .seed = parts[3].toULongLong(),
                                                           .drop_last = parts[4] == "1"});
        sampler.set_epoch(parts[5].toLongLong());
        ours += line.toUtf8() + ' ' + QByteArray::number(qlonglong(rank)) + ' ' +
                QByteArray::number(qlonglong(sampler.size()));
        for (const int64_t index : sampler.indices()) {
          ours += ' ' + QByteArray::number(qlonglong(index));
        }
        ours += '\n';
      }
    }
    QCOMPARE(ours, runPython(kScript, settings));
  }

  void refusesWhatCannotBeDealt() {
    QVERIFY_THROWS_EXCEPTION(Error, DistributedSampler(5, {.num_replicas = 2, .rank = 2}));
    QVERIFY_THROWS_EXCEPTION(Error, DistributedSampler(5, {.num_replicas = 2, .rank = -1}));
    QVERIFY_THROWS_EXCEPTION(Error, DistributedSampler(5, {.num_replicas = 0}));
    QVERIFY_THROWS_EXCEPTION(Error, DistributedSampler(-1, {}));
  }
};

QTEST_GUILESS_MAIN(TestDistributedSampler)
#include "test_distributed_sampler.moc"
