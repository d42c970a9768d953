#include <QCoreApplication>
#include <QTemporaryDir>
#include <QtTest>

#include <complex>
#include <cstring>
#include <random>

#include "core/backend/creation.h"
#include "core/dist/process_group.h"
#include "core/ops/shape.h"
#include "tests/core/dist/ranks.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::dist;
using namespace nw::test;

namespace {

/// The numbers that rank `rank` brings; every rank can tell those of all.
Tensor numbers_of(uint64_t seed, int rank, const Dims& sizes, DType dtype) {
  std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(rank));
  const Tensor wide = empty(sizes, DType::Float64);
  for (int64_t i = 0; i < wide.numel(); ++i) {
    const auto drawn = static_cast<double>(random() % 2'000'001) / 1e6 - 1;  // -1 … 1
    double value = drawn;
    if (is_whole(dtype)) value = std::floor((drawn + 1) * 60);  // 0 … 120
    if (dtype == DType::Bool) value = drawn > 0;
    wide.data<double>()[i] = value;
  }
  return raw::to(wide, dtype);
}

double reduced(Reduction reduction, const std::vector<double>& values, bool truth) {
  double out = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    switch (reduction) {
      case Reduction::Sum:
      case Reduction::Average:
        out += values[i];
        break;
      case Reduction::Product:
        out *= values[i];
        break;
      case Reduction::Min:
        out = std::min(out, values[i]);
        break;
      case Reduction::Max:
        out = std::max(out, values[i]);
        break;
    }
  }
  if (reduction == Reduction::Average) out /= static_cast<double>(values.size());
  return truth ? static_cast<double>(out != 0) : out;
}

/// What the ranks' numbers come to, reckoned in float64 and rounded or wrapped once.
Tensor expected(Reduction reduction, uint64_t seed, int size, const Dims& sizes, DType dtype) {
  std::vector<Tensor> all;
  for (int rank = 0; rank < size; ++rank) {
    all.push_back(raw::to(numbers_of(seed, rank, sizes, dtype), DType::Float64));
  }
  const Tensor out = empty(sizes, DType::Float64);
  for (int64_t i = 0; i < out.numel(); ++i) {
    std::vector<double> values;
    for (const Tensor& each : all) values.push_back(each.data<double>()[i]);
    out.data<double>()[i] = reduced(reduction, values, dtype == DType::Bool);
  }
  if (!is_whole(dtype)) return raw::to(out, dtype);
  // Small enough for float64 to hold exactly, except the products, which wrap.
  return raw::to(raw::to(out, DType::Int64), dtype);
}

std::string hex(const Tensor& tensor) {
  return QByteArray(static_cast<const char*>(tensor.raw()),
                    static_cast<qsizetype>(tensor.numel()) *
                        static_cast<qsizetype>(item_bytes(tensor.dtype())))
      .toHex()
      .toStdString();
}

constexpr Reduction kReductions[] = {Reduction::Sum, Reduction::Average, Reduction::Product,
                                     Reduction::Min, Reduction::Max};

/// Two for a half type: each of the size − 1 steps rounds.
double slack_of(int size, Reduction reduction) {
  return reduction == Reduction::Min || reduction == Reduction::Max ? 1 : 2.0 * size;
}

}  // namespace

class TestProcessGroup : public QObject {
  Q_OBJECT

 private slots:
  void reducesEveryDtype_data();
  void reducesEveryDtype();
  void reducesManyNumbers();
  void addsComplexNumbers();
  void broadcasts();
  void gathers();
  void scattersSums();
  void takesStridedTensors();
  void sendsAndReceives();
  void keepsTheOrderOfManyOperations();
  void movesFewBytes_data();
  void movesFewBytes();
  void worksAlone();
  void refusesWrongArguments();
  void tellsOfDifferingCalls();
  void keepsNaN();
  void givesTheBitsOfTorch();
};

void TestProcessGroup::reducesEveryDtype_data() {
  QTest::addColumn<int>("size");
  for (int size = 1; size <= 8; ++size) QTest::addRow("%d ranks", size) << size;
}

void TestProcessGroup::reducesEveryDtype() {
  QFETCH(int, size);
  const uint64_t seed = test_seed();
  std::vector<std::vector<std::string>> bits(static_cast<size_t>(size));
  const std::string problem = on_gloo_ranks(size, [&](ProcessGroup& group) {
    for (int d = 0; d < kDTypeCount; ++d) {
      const auto dtype = static_cast<DType>(d);
      if (is_complex(dtype)) continue;
      for (const Reduction reduction : kReductions) {
        if (reduction == Reduction::Average && !is_floating(dtype)) continue;
        // The product of eight whole numbers is beyond what float64 holds exactly.
        if (reduction == Reduction::Product && dtype == DType::Int64) continue;
        for (const int64_t count : {0, 1, 3, 17, 1000}) {
          const Tensor mine = numbers_of(seed, group.rank(), {count}, dtype);
          group.all_reduce(mine, reduction)->wait();
          const Tensor right = expected(reduction, seed, size, {count}, dtype);
          const std::string wrong = difference(mine, right, "sum", slack_of(size, reduction));
          NW_CHECK(wrong.empty(), name(dtype), " reduction ", static_cast<int>(reduction), " of ",
                   count, ": ", wrong);
          bits[static_cast<size_t>(group.rank())].push_back(hex(mine));
        }
      }
    }
  });
  QVERIFY2(problem.empty(), problem.c_str());
  QVERIFY(bits[0].size() > 100);
  for (const auto& each : bits) QVERIFY(each == bits[0]);
}

void TestProcessGroup::reducesManyNumbers() {
  // More than one of Gloo's segments for each rank, and no multiple of anything.
  constexpr int kSize = 3;
  constexpr int64_t kCount = 2'345'677;
  std::vector<Tensor> ends(kSize);
  const std::string problem = on_gloo_ranks(kSize, [&](ProcessGroup& group) {
    const Tensor mine = numbers_of(5, group.rank(), {kCount}, DType::Float32);
    group.all_reduce(mine, Reduction::Average)->wait();
    ends[static_cast<size_t>(group.rank())] = mine;
  });
  QVERIFY2(problem.empty(), problem.c_str());
  const Tensor right = expected(Reduction::Average, 5, kSize, {kCount}, DType::Float32);
  QCOMPARE(difference(ends[0], right, "average"), std::string());
  for (const Tensor& end : ends) QCOMPARE(bit_difference(end, ends[0], "rank"), std::string());
}

void TestProcessGroup::addsComplexNumbers() {
  const std::string problem = on_gloo_ranks(3, [](ProcessGroup& group) {
    const double own = group.rank() + 1;
    const Tensor x = full({5}, Scalar(std::complex<double>(own, -2 * own)), DType::Complex64);
    const Tensor y = full({5}, Scalar(std::complex<double>(own, 3)), DType::Complex128);
    group.all_reduce(x)->wait();
    group.all_reduce(y, Reduction::Average)->wait();
    NW_CHECK((x.data<std::complex<float>>()[4] == std::complex<float>(6, -12)), "complex64");
    NW_CHECK((y.data<std::complex<double>>()[4] == std::complex<double>(2, 3)), "complex128");
    const std::string refused = error_of([&] { group.all_reduce(x, Reduction::Max); });
    NW_CHECK(refused.starts_with("[all_reduce]"), refused);
  });
  QVERIFY2(problem.empty(), problem.c_str());
}

void TestProcessGroup::broadcasts() {
  for (const int size : {2, 3, 5, 8}) {
    const std::string problem = on_gloo_ranks(size, [&](ProcessGroup& group) {
      for (int root = 0; root < size; ++root) {
        for (const DType dtype :
             {DType::Float32, DType::Bool, DType::BFloat16, DType::Complex128}) {
          for (const int64_t count : {0, 1, 301}) {
            const uint64_t seed = static_cast<uint64_t>(root * 7 + count);
            const Tensor mine = numbers_of(seed, group.rank(), {count}, dtype);
            group.broadcast(mine, root)->wait();
            const Tensor right = numbers_of(seed, root, {count}, dtype);
            NW_CHECK(hex(mine) == hex(right), "from ", root, " ", name(dtype), " ", count);
          }
        }
      }
    });
    QVERIFY2(problem.empty(), problem.c_str());
  }
}

void TestProcessGroup::gathers() {
  for (const int size : {1, 2, 4, 7}) {
    const std::string problem = on_gloo_ranks(size, [&](ProcessGroup& group) {
      for (const Dims& sizes : {Dims{}, Dims{0}, Dims{3, 5}, Dims{1000}}) {
        std::vector<Tensor> all;
        for (int rank = 0; rank < size; ++rank) all.push_back(full(sizes, -1.0, DType::Int32));
        group.all_gather(numbers_of(3, group.rank(), sizes, DType::Int32), all)->wait();
        for (int rank = 0; rank < size; ++rank) {
          const Tensor right = numbers_of(3, rank, sizes, DType::Int32);
          NW_CHECK(hex(all[static_cast<size_t>(rank)]) == hex(right), "of rank ", rank);
        }
      }
    });
    QVERIFY2(problem.empty(), problem.c_str());
  }
}

void TestProcessGroup::scattersSums() {
  for (const int size : {1, 2, 3, 6}) {
    const std::string problem = on_gloo_ranks(size, [&](ProcessGroup& group) {
      for (const Reduction reduction : kReductions) {
        for (const int64_t count : {0, 1, 500}) {
          std::vector<Tensor> inputs;
          for (int to = 0; to < size; ++to) {
            inputs.push_back(
                numbers_of(static_cast<uint64_t>(to) + 40, group.rank(), {count}, DType::Float64));
          }
          const Tensor mine = full({count}, -9.0, DType::Float64);
          group.reduce_scatter(mine, inputs, reduction)->wait();
          const Tensor right = expected(reduction, static_cast<uint64_t>(group.rank()) + 40, size,
                                        {count}, DType::Float64);
          const std::string wrong = difference(mine, right, "share", size);
          NW_CHECK(wrong.empty(), "reduction ", static_cast<int>(reduction), ": ", wrong);
        }
      }
    });
    QVERIFY2(problem.empty(), problem.c_str());
  }
}

void TestProcessGroup::takesStridedTensors() {
  // Rank 0 holds its matrix by columns: the exchange goes by place, not by memory.
  const std::string problem = on_gloo_ranks(3, [](ProcessGroup& group) {
    const auto held = [&](uint64_t seed) {
      const Tensor plain = numbers_of(seed, group.rank(), {4, 6}, DType::Float32);
      if (group.rank() != 0) return plain;
      const Tensor columns = empty({6, 4}, DType::Float32).as_strided({4, 6}, {1, 4}, 0);
      raw::copy_(columns, plain);
      return columns;
    };
    const Tensor sum = held(1), sent = held(2), input = held(3);
    group.all_reduce(sum)->wait();
    const Tensor right = expected(Reduction::Sum, 1, 3, {4, 6}, DType::Float32);
    NW_CHECK(difference(sum, right, "sum").empty(), "all_reduce");
    for (int root = 0; root < 2; ++root) {
      const Tensor numbers = held(2);
      group.broadcast(numbers, root)->wait();
      const Tensor wanted = numbers_of(2, root, {4, 6}, DType::Float32);
      NW_CHECK(bit_difference(numbers, wanted, "broadcast").empty(), "broadcast from ", root);
    }
    std::vector<Tensor> all;
    for (int rank = 0; rank < 3; ++rank) all.push_back(held(9));
    group.all_gather(input, all)->wait();
    for (int rank = 0; rank < 3; ++rank) {
      const Tensor wanted = numbers_of(3, rank, {4, 6}, DType::Float32);
      NW_CHECK(bit_difference(all[static_cast<size_t>(rank)], wanted, "").empty(), "all_gather");
    }
  });
  QVERIFY2(problem.empty(), problem.c_str());
}

void TestProcessGroup::sendsAndReceives() {
  const std::string problem = on_gloo_ranks(3, [](ProcessGroup& group) {
    // Everyone sends to everyone before anyone receives, and receives in another order of tags.
    std::vector<WorkHandle> works;
    constexpr uint32_t kTags = 4;
    constexpr int kRounds = 3;
    for (int round = 0; round < kRounds; ++round) {
      for (int to = 0; to < group.size(); ++to) {
        for (uint32_t tag = 0; tag < kTags && to != group.rank(); ++tag) {
          const uint64_t seed = tag * 10 + static_cast<uint64_t>(round);
          works.push_back(group.send(numbers_of(seed, group.rank(), {tag}, DType::Float32), to,
                                     tag == 3 ? 0xffffffff : tag));
        }
      }
    }
    for (uint32_t tag = kTags; tag-- > 0;) {
      for (int from = group.size(); from-- > 0;) {
        if (from == group.rank()) continue;
        std::vector<Tensor> came;
        std::vector<WorkHandle> receiving;
        for (int round = 0; round < kRounds; ++round) {
          came.push_back(full({tag}, -5.0));
          receiving.push_back(group.recv(came.back(), from, tag == 3 ? 0xffffffff : tag));
        }
        for (const WorkHandle& work : receiving) work->wait();
        for (int round = 0; round < kRounds; ++round) {
          const uint64_t seed = tag * 10 + static_cast<uint64_t>(round);
          const Tensor right = numbers_of(seed, from, {tag}, DType::Float32);
          NW_CHECK(hex(came[static_cast<size_t>(round)]) == hex(right), "tag ", tag);
        }
      }
    }
    for (const WorkHandle& work : works) work->wait();
    for (const WorkHandle& work : works) NW_CHECK(work->is_completed(), "is_completed");
  });
  QVERIFY2(problem.empty(), problem.c_str());
}

void TestProcessGroup::keepsTheOrderOfManyOperations() {
  const std::string problem = on_gloo_ranks(4, [](ProcessGroup& group) {
    const Tensor x = full({1}, 1.0, DType::Float64);
    std::vector<WorkHandle> works;
    constexpr int kTimes = 12;
    for (int i = 0; i < kTimes; ++i) {
      works.push_back(group.all_reduce(x));  // × 4
      works.push_back(group.broadcast(x, i % 4));
      works.push_back(group.barrier());
    }
    works.back()->wait();
    for (const WorkHandle& work : works) NW_CHECK(work->is_completed(), "order");
    NW_CHECK(x.item() == std::pow(4.0, kTimes), "gets ", x.item());
  });
  QVERIFY2(problem.empty(), problem.c_str());
}

void TestProcessGroup::movesFewBytes_data() {
  QTest::addColumn<int>("size");
  for (const int size : {2, 3, 4, 8}) QTest::addRow("%d ranks", size) << size;
}

void TestProcessGroup::movesFewBytes() {
  QFETCH(int, size);
  constexpr int64_t kCount = 400'003;
  std::vector<uint64_t> sent(static_cast<size_t>(size));
  const std::string problem = on_gloo_ranks(size, [&](ProcessGroup& group) {
    group.all_reduce(full({kCount}, 1.0))->wait();
    sent[static_cast<size_t>(group.rank())] = group.bytes_sent();
  });
  QVERIFY2(problem.empty(), problem.c_str());
  const double limit = 2.0 * (size - 1) * kCount * 4;  // of all ranks together
  uint64_t all = 0;
  for (const uint64_t bytes : sent) {
    all += bytes;
    QVERIFY2(static_cast<double>(bytes) < 1.02 * limit / size, qPrintable(QString::number(bytes)));
  }
  QVERIFY(static_cast<double>(all) >= limit);
  QVERIFY(static_cast<double>(all) < 1.001 * limit);
}

void TestProcessGroup::worksAlone() {
  GroupOptions options;  // of one rank, which needs no store
  const std::unique_ptr<ProcessGroup> group = make_process_group("gloo", options);
  const Tensor x = full({3}, 2.5);
  group->all_reduce(x, Reduction::Average)->wait();
  group->broadcast(x, 0)->wait();
  group->barrier()->wait();
  QCOMPARE(x.data<float>()[2], 2.5f);
  QCOMPARE(group->bytes_sent(), uint64_t{0});
  QVERIFY(!error_of([&] { group->send(x, 0); }).empty());
  group->abort("enough");
  const std::string text = error_of([&] { group->all_reduce(x)->wait(); });
  QVERIFY2(text.find("enough") != text.npos, text.c_str());
}

void TestProcessGroup::refusesWrongArguments() {
  const std::string problem = on_gloo_ranks(2, [](ProcessGroup& group) {
    const Tensor x = full({3}, 1.0), whole = full({3}, 1.0, DType::Int32);
    const Tensor bare = empty({3}, DType::Float32, kMeta);
    const std::vector<Tensor> two{full({3}, 0.0), full({3}, 0.0)};
    const std::vector<Tensor> uneven{full({3}, 0.0), full({2}, 0.0)};
    const std::vector<std::string> texts{
        error_of([&] { group.all_reduce({}); }),
        error_of([&] { group.all_reduce(bare); }),
        error_of([&] { group.all_reduce(whole, Reduction::Average); }),
        error_of([&] { group.broadcast(x, 2); }),
        error_of([&] { group.broadcast(x, -1); }),
        error_of([&] { group.all_gather(whole, two); }),
        error_of([&] { group.all_gather(x, uneven); }),
        error_of([&] { group.all_gather(x, std::span(two).first(1)); }),
        error_of([&] { group.reduce_scatter(x, uneven); }),
        error_of([&] { group.send(x, group.rank()); }),
        error_of([&] { group.recv(x, 7); }),
    };
    for (size_t i = 0; i < texts.size(); ++i) {
      NW_CHECK(texts[i].starts_with("[") && texts[i].find("] ") != texts[i].npos, "case ", i, ": ",
               texts[i]);
    }
  });
  // And the group still works: the barrier at the end has been passed.
  QVERIFY2(problem.empty(), problem.c_str());
}

void TestProcessGroup::tellsOfDifferingCalls() {
  using Call = std::function<WorkHandle(ProcessGroup&, bool odd)>;
  const Call calls[] = {
      [](ProcessGroup& group, bool odd) { return group.all_reduce(full({odd ? 3 : 4}, 1.0)); },
      [](ProcessGroup& group, bool odd) { return group.broadcast(full({odd ? 9 : 4}, 1.0), 0); },
      [](ProcessGroup& group, bool odd) {
        return group.all_reduce(full({2}, 1.0, odd ? DType::Float32 : DType::Int32));
      },
      [](ProcessGroup& group, bool odd) {
        return group.all_reduce(full({2}, 1.0), odd ? Reduction::Max : Reduction::Sum);
      },
      [](ProcessGroup& group, bool odd) {
        return odd ? group.barrier() : group.all_reduce(full({2}, 1.0));
      },
      [](ProcessGroup& group, bool odd) { return group.broadcast(full({4}, 1.0), odd ? 1 : 0); },
      [](ProcessGroup& group, bool odd) {
        return group.all_reduce(odd ? full({2, 3}, 1.0) : full({3, 2}, 1.0));
      },
      [](ProcessGroup& group, bool odd) {
        return odd ? group.broadcast(full({2}, 1.0), 1) : group.all_reduce(full({4000}, 1.0));
      },
      [](ProcessGroup& group, bool odd) {
        const std::vector<Tensor> all(static_cast<size_t>(group.size()), full({700}, 0.0));
        return odd ? group.reduce_scatter(all[0], all) : group.all_gather(all[0], all);
      },
      [](ProcessGroup& group, bool odd) {
        const Tensor x = full({odd ? 3 : 2}, 1.0);
        return odd ? group.send(x, 0) : group.recv(x, 1);
      },
  };
  for (const int size : {2, 4, 9}) {
    for (size_t index = 0; index < std::size(calls); ++index) {
      if (size != 2 && index + 1 == std::size(calls)) continue;
      std::vector<std::string> texts(static_cast<size_t>(size));
      QElapsedTimer timer;
      timer.start();
      on_gloo_ranks(size, [&](ProcessGroup& group) {
        texts[static_cast<size_t>(group.rank())] =
            error_of([&] { calls[index](group, group.rank() == 1)->wait(); });
        // The first cause stays.
        const std::string later = error_of([&] { group.barrier()->wait(); });
        NW_CHECK(later.find("disagree") != later.npos, later);
      });
      QVERIFY(timer.elapsed() < patient(5000));
      int told = 0;
      for (const std::string& text : texts) told += text.find("disagree") != text.npos;
      // Who only sends may be done before the other one looks.
      const int least = index + 1 == std::size(calls) ? 1 : size;
      QVERIFY2(told >= least, qPrintable(QString::fromStdString(texts[0] + " | " + texts[1])));
    }
  }
}

void TestProcessGroup::keepsNaN() {
  const std::string problem = on_gloo_ranks(3, [](ProcessGroup& group) {
    for (const Reduction reduction : kReductions) {
      const Tensor x = full({2}, group.rank() == 1 ? std::nan("") : 1.0);
      group.all_reduce(x, reduction)->wait();
      NW_CHECK(std::isnan(x.data<float>()[0]), "reduction ", static_cast<int>(reduction));
    }
  });
  QVERIFY2(problem.empty(), problem.c_str());
}

/// torch.distributed's Gloo, with the ranks in processes of their own, on the same numbers.
constexpr const char* kTorch = R"(
import sys, numpy, torch, torch.distributed as dist, torch.multiprocessing as mp
def rank_main(rank, size, folder, port):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    ops = {"sum": dist.ReduceOp.SUM, "product": dist.ReduceOp.PRODUCT, "min": dist.ReduceOp.MIN,
           "max": dist.ReduceOp.MAX}
    for kind in ("float32", "float64", "float16", "int8", "int32", "int64", "uint8"):
        for name, op in ops.items():
            x = torch.from_numpy(numpy.fromfile(f"{folder}/{kind}.{rank}", dtype=kind))
            dist.all_reduce(x, op)
            if rank == 0: x.numpy().tofile(f"{folder}/{kind}.{name}")
    dist.barrier()
if __name__ == "__main__":
    size, folder = int(sys.argv[1]), sys.argv[2]
    children = []
    import os
    for rank in range(size):
        child = os.fork()
        if child == 0:
            rank_main(rank, size, folder, 0)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
)";

void TestProcessGroup::givesTheBitsOfTorch() {
  constexpr int kSize = 3;
  constexpr int64_t kCount = 5000;
  const std::vector<DType> dtypes{DType::Float32, DType::Float64, DType::Float16, DType::Int8,
                                  DType::Int32,   DType::Int64,   DType::UInt8};
  const std::pair<Reduction, const char*> reductions[] = {{Reduction::Sum, "sum"},
                                                          {Reduction::Product, "product"},
                                                          {Reduction::Min, "min"},
                                                          {Reduction::Max, "max"}};
  QTemporaryDir folder;
  const auto path = [&](DType dtype, const std::string& end) {
    return folder.filePath(QString::fromStdString(concat(name(dtype), ".", end)));
  };
  for (const DType dtype : dtypes) {
    for (int rank = 0; rank < kSize; ++rank) {
      const Tensor x = numbers_of(77, rank, {kCount}, dtype);
      QFile file(path(dtype, std::to_string(rank)));
      QVERIFY(file.open(QIODevice::WriteOnly));
      file.write(static_cast<const char*>(x.raw()),
                 kCount * static_cast<qint64>(item_bytes(dtype)));
    }
  }
  runPython(kTorch, {QString::number(kSize), folder.path()});

  std::map<std::pair<DType, std::string>, std::string> ours;
  const std::string problem = on_gloo_ranks(kSize, [&](ProcessGroup& group) {
    for (const DType dtype : dtypes) {
      for (const auto& [reduction, word] : reductions) {
        const Tensor x = numbers_of(77, group.rank(), {kCount}, dtype);
        group.all_reduce(x, reduction)->wait();
        if (group.rank() == 0) ours[{dtype, word}] = hex(x);
      }
    }
  });
  QVERIFY2(problem.empty(), problem.c_str());
  for (const auto& [what, bits] : ours) {
    QFile file(path(what.first, what.second));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QVERIFY2(file.readAll().toHex().toStdString() == bits,
             concat(name(what.first), " ", what.second).c_str());
  }
}

QTEST_GUILESS_MAIN(TestProcessGroup)
#include "test_process_group.moc"
