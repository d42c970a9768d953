#include <QtTest>
#include <bit>

#include "core/base/random.h"
#include "tests/support/python.h"

namespace {

// Prints, for every seed, what PyTorch draws, one line for each kind.
const char* const kScript = R"(
import struct, sys, torch
for seed in map(int, sys.argv[1:]):
    g = torch.Generator(); g.manual_seed(seed)
    print('initial', g.initial_seed())
    words = torch.empty(700, dtype=torch.int64).random_(-2**63, None, generator=g)
    print('random64', *[w & (2**64 - 1) for w in words.tolist()])
    print('random32', *torch.randint(0, 2**32 - 1, (9,), generator=g).tolist())
    print('float', *[struct.unpack('<I', struct.pack('<f', v))[0]
                     for v in torch.rand(9, generator=g).tolist()])
    bits = lambda t: [struct.unpack('<Q', struct.pack('<d', v))[0] for v in t.tolist()]
    print('double', *bits(torch.rand(9, generator=g, dtype=torch.float64)))
    for count in (7, 4, 15):
        print('normal', *bits(torch.randn(count, generator=g, dtype=torch.float64)))
    print('int63', *[torch.empty((), dtype=torch.int64).random_(generator=g).item()
                     for _ in range(5)])
    for n in (0, 1, 2, 3, 10, 1000, 60000):
        print('randperm', *torch.randperm(n, generator=g).tolist())
    print('after', *torch.empty(2, dtype=torch.int64).random_(generator=g).tolist())
)";

template <typename Draw>
QByteArray line(const char* kind, int count, const Draw& draw) {
  QByteArray text = kind;
  for (int i = 0; i < count; ++i) text += ' ' + QByteArray::number(draw());
  return text + '\n';
}

QByteArray drawAll(uint64_t seed) {
  nw::Generator g(seed);
  QByteArray text = "initial " + QByteArray::number(quint64{g.initial_seed()}) + '\n';
  text += line("random64", 700, [&] { return quint64{g.random64()}; });
  text += line("random32", 9, [&] { return g.random32() % 0xffffffffu; });
  text += line("float", 9, [&] { return std::bit_cast<uint32_t>(g.uniform_float()); });
  text += line("double", 9, [&] { return quint64{std::bit_cast<uint64_t>(g.uniform_double())}; });
  for (int count : {7, 4, 15}) {
    text +=
        line("normal", count, [&] { return quint64{std::bit_cast<uint64_t>(g.normal_double())}; });
  }
  text += line("int63", 5, [&] { return qint64{g.random_int63()}; });
  for (int n : {0, 1, 2, 3, 10, 1000, 60000}) {
    const auto order = g.randperm(n);
    auto next = order.begin();
    text += line("randperm", n, [&] { return qint64{*next++}; });
  }
  return text + line("after", 2, [&] { return qint64{g.random_int63()}; });
}

}  // namespace

class TestRandom : public QObject {
  Q_OBJECT

 private slots:
  void drawsWhatTorchDraws() {
    QStringList arguments;
    std::vector<uint64_t> seeds = {0,
                                   1,
                                   42,
                                   67280421310721u,
                                   0xffffffffu,
                                   0x100000000u,
                                   0x123456789abcdefu,
                                   0x7fffffffffffffffu,
                                   0xffffffffffffffffu};
    for (uint64_t i = 0; i < 40; ++i) seeds.push_back(i * 0x9e3779b97f4a7c15u >> (i % 40));
    for (uint64_t seed : seeds) arguments << QString::number(seed);
    const QList<QByteArray> expected = runPython(kScript, arguments).split('\n');
    QByteArray drawn;
    for (uint64_t seed : seeds) drawn += drawAll(seed);
    const QList<QByteArray> got = drawn.split('\n');
    QCOMPARE(got.size(), expected.size());
    for (qsizetype i = 0; i < got.size(); ++i) QCOMPARE(got[i], expected[i]);
  }

  void seedingForgetsTheCachedNormal() {
    nw::Generator g(5);
    const double first = g.normal_double();
    g.manual_seed(5);
    QCOMPARE(g.normal_double(), first);
    QVERIFY(g == [] {
      nw::Generator other(5);
      other.normal_double();
      return other;
    }());
  }

  void manualSeedSeedsTheDefaultGenerator() {
    nw::manual_seed(3);
    const uint32_t here = nw::default_generator().random32();
    nw::manual_seed(3);
    QCOMPARE(nw::default_generator().random32(), here);
    QCOMPARE(nw::Generator(3).random32(), here);
  }
};

QTEST_GUILESS_MAIN(TestRandom)
#include "test_random.moc"
