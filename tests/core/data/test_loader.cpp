#include <QtTest>
#include <set>

#include "core/base/error.h"
#include "core/data/loader.h"
#include "core/data/memory_dataset.h"
#include "core/data/split.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::data;

namespace {

/// Sample i is the number i, its label i % 3.
std::shared_ptr<const Dataset> numbers(int64_t count) {
  Samples samples{{1}, {}, {}};
  Targets targets{{}, {}, {}, 3, {}};
  for (int64_t i = 0; i < count; ++i) {
    samples.floats.push_back(static_cast<float>(i));
    targets.labels.push_back(i % 3);
  }
  return memory_dataset(std::move(samples), std::move(targets));
}

QByteArray walk(Loader& loader, Generator& generator) {
  QByteArray text;
  Batch batch;
  loader.start(generator);
  while (loader.next(batch)) {
    text += '[';
    for (int64_t i = 0; i < batch.size(); ++i) {
      const float sample = batch.x.data<float>()[i];
      text += QByteArray::number(qint64(sample)) + ' ';
      if (batch.y.data<int64_t>()[i] != int64_t(sample) % 3) text += "wrong target ";
    }
    text += ']';
  }
  return text + '\n';
}

std::shared_ptr<const Dataset> part_of(const std::shared_ptr<const Dataset>& whole, int64_t from,
                                       int64_t to) {
  std::vector<int64_t> indices;
  for (int64_t i = from; i < to; ++i) indices.push_back(i);
  return subset(whole, indices);
}

QByteArray members(const std::shared_ptr<const Dataset>& dataset) {
  if (dataset == nullptr) return "\n";
  Loader loader(dataset, 1'000'000, false);
  Generator unused;
  return walk(loader, unused).replace('[', "").replace(" ]", "");
}

template <typename Action>
QString errorOf(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return QString::fromStdString(error.text());
  }
  return {};
}

}  // namespace

class TestLoader : public QObject {
  Q_OBJECT

 private slots:
  void ordersAsTorch() {
    const std::vector<std::array<int, 4>> cases = {
        {10, 3, 1, 0}, {10, 3, 0, 0},    {64, 64, 1, 1},  {65, 64, 1, 7},         {5, 8, 1, 9},
        {1, 1, 1, 3},  {1000, 32, 1, 4}, {997, 10, 0, 5}, {300, 7, 1, 2147483647}};
    QStringList arguments;
    QByteArray got;
    for (const auto& [count, batch, shuffle, seed] : cases) {
      for (int value : {count, batch, shuffle, seed}) arguments << QString::number(value);
      Generator generator(static_cast<uint64_t>(seed));
      Loader loader(numbers(count), batch, shuffle != 0);
      for (int epoch = 0; epoch < 3; ++epoch) got += walk(loader, generator);
      got += QByteArray::number(qint64{generator.random_int63()}) + '\n';  // draws nothing else
      QCOMPARE(loader.batch_count(), int64_t{(count + batch - 1) / batch});
      QCOMPARE(loader.sample_count(), int64_t{count});
    }
    const QByteArray expected = runPython(R"(
import sys, torch
from torch.utils.data import DataLoader, TensorDataset
values = list(map(int, sys.argv[1:]))
for i in range(0, len(values), 4):
    count, batch, shuffle, seed = values[i:i+4]
    torch.manual_seed(seed)
    loader = DataLoader(TensorDataset(torch.arange(count)), batch_size=batch, shuffle=bool(shuffle))
    for epoch in range(3):
        print(''.join('[%s ]' % ' '.join(map(str, b[0].tolist())) for b in loader))
    print(torch.empty((), dtype=torch.int64).random_().item())
)",
                                          arguments);
    QCOMPARE(got, expected);
  }

  void splitsAsTorch() {
    const std::vector<std::array<int, 3>> cases = {{10, 3, 0},  {10, 0, 1},     {10, 10, 2},
                                                   {60, 6, 42}, {1000, 100, 5}, {1, 0, 6}};
    QStringList arguments;
    QByteArray got;
    for (const auto& [count, second, seed] : cases) {
      for (int value : {count, second, seed}) arguments << QString::number(value);
      Generator generator(static_cast<uint64_t>(seed));
      const auto [first_half, second_half] = random_split(numbers(count), second, generator);
      got += members(first_half) + members(second_half);
      got += QByteArray::number(qint64{generator.random_int63()}) + '\n';
    }
    const QByteArray expected = runPython(R"(
import sys, torch
from torch.utils.data import random_split
values = list(map(int, sys.argv[1:]))
for i in range(0, len(values), 3):
    count, second, seed = values[i:i+3]
    g = torch.Generator(); g.manual_seed(seed)
    for half in random_split(range(count), [count - second, second], generator=g): print(*half)
    print(torch.empty((), dtype=torch.int64).random_(generator=g).item())
)",
                                          arguments);
    QCOMPARE(got, expected);
    Generator generator;
    QVERIFY(errorOf([&] { random_split(numbers(5), 6, generator); }).contains("6 of 5 samples"));
    QVERIFY(errorOf([&] { random_split(numbers(5), -1, generator); }).contains("-1 of 5 samples"));
  }

  void reusesItsMemory() {
    Loader loader(numbers(70), 32, true);
    Generator generator;
    std::set<const void*> full;
    std::set<const void*> last;
    for (int epoch = 0; epoch < 3; ++epoch) {
      Batch batch;
      loader.start(generator);
      while (loader.next(batch)) {
        (batch.size() == 32 ? full : last).insert(batch.x.raw());
        (batch.size() == 32 ? full : last).insert(batch.y.raw());
      }
    }
    QCOMPARE(full.size(), size_t{2});
    QCOMPARE(last.size(), size_t{2});
  }

  void endsUntilStartedAgain() {
    Loader loader(numbers(4), 2, false);
    Batch batch;
    QVERIFY(!loader.next(batch));  // not started
    Generator generator;
    loader.start(generator);
    QVERIFY(loader.next(batch));
    loader.start(generator);  // in the middle
    QVERIFY(loader.next(batch));
    QCOMPARE(batch.x.data<float>()[0], 0.0f);
    QVERIFY(loader.next(batch));
    QVERIFY(!loader.next(batch));
    QVERIFY(!loader.next(batch));
  }

  void subsetsOfSubsets() {
    const auto inner = part_of(numbers(100), 40, 60);
    const auto outer = part_of(inner, 5, 8);
    QCOMPARE(outer->size(), int64_t{3});
    QCOMPARE(outer->class_count(), int64_t{3});
    QCOMPARE(members(outer), QByteArray("45 46 47\n"));
    QVERIFY(errorOf([&] { subset(outer, {3}); }).contains("sample 3 is outside 0 … 2"));
    QVERIFY(errorOf([&] { subset(outer, {-1}); }).contains("sample -1 is outside"));
  }

  void refusesWhatCannotWork() {
    QCOMPARE(errorOf([] { Loader loader(nullptr, 4, true); }),
             QString("[data] the data set has no samples. Choose one that has some"));
    QVERIFY(errorOf([] { Loader loader(subset(numbers(3), {}), 4, true); }).contains("no samples"));
    QVERIFY(errorOf([] {
              Loader loader(numbers(3), 0, true);
            }).contains("batch_size must be at least 1, is 0"));
    QCOMPARE(errorOf([] { check_batch_size(64, 60); }),
             QString("[data] batch_size 64 is larger than the 60 training samples. Set batch_size "
                     "to 60 or less"));
    QVERIFY(errorOf([] { check_batch_size(60, 60); }).isEmpty());
    QVERIFY(errorOf([] { check_batch_size(1, 0); }).contains("no samples to train on"));
    QVERIFY(errorOf([] { check_batch_size(0, 9); }).contains("at least 1"));
    try {
      check_batch_size(64, 60);
    } catch (const Error& error) {
      QCOMPARE(error.remedy().parameter, std::string("batch_size"));
      QCOMPARE(error.remedy().value, int64_t{60});
    }
  }
};

QTEST_GUILESS_MAIN(TestLoader)
#include "test_loader.moc"
