#include <QTemporaryDir>
#include <QtTest>
#include <functional>
#include <thread>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/dist/process_group.h"
#include "core/dist/store.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::test;
using namespace std::chrono_literals;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

Tensor on_cpu(const Tensor& tensor) {
  return raw::to(tensor, kCpu);
}

/// Two ranks of one group: threads, each with a device of its own.
void as_two_ranks(const std::string& path, std::chrono::milliseconds timeout,
                  const std::function<void(dist::ProcessGroup&)>& work,
                  std::vector<std::string>& problems, int devices = 2) {
  problems.assign(2, {});
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      try {
        dist::GroupOptions options;
        options.rank = rank;
        options.size = 2;
        options.timeout = timeout;
        options.device = {DeviceType::Cuda, rank % devices};
        options.store = std::make_shared<dist::FileStore>(path, 2);
        work(*dist::make_process_group("nccl", options));
      } catch (const Error& error) {
        problems[static_cast<size_t>(rank)] = error.text();
      }
    });
  }
  for (std::thread& rank : ranks) rank.join();
}

Device device_of(const dist::ProcessGroup& group) {
  return {DeviceType::Cuda, group.rank()};
}

}  // namespace

/// Groups over the stand-in for NCCL: what ranks exchange, and who waits in vain.
class TestSimulatedNccl : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QCOMPARE(load_simulated_gpus("devices=2,memory=256M"), std::string()); }

  void ranks_exchange_numbers() {
    QTemporaryDir folder;
    std::vector<std::string> problems;
    as_two_ranks(
        folder.filePath("store").toStdString(), 20s,
        [](dist::ProcessGroup& group) {
          const Device device = device_of(group);
          const auto own = [&](double value) {
            const Tensor t = empty({5}, DType::Float32, device);
            raw::fill_(t, Scalar(value));
            return t;
          };
          const auto expect = [&](const Tensor& t, float value, const char* what) {
            const Tensor read = on_cpu(t);
            for (int64_t i = 0; i < read.numel(); ++i) {
              NW_CHECK(read.data<float>()[i] == value, what, " of rank ", group.rank(), " gives ",
                       read.data<float>()[i]);
            }
          };
          const double mine = group.rank() + 1;
          const Tensor sum = own(mine);
          group.all_reduce(sum)->wait();
          expect(sum, 3, "all_reduce");
          const Tensor mean = own(mine);
          group.all_reduce(mean, dist::Reduction::Average)->wait();
          expect(mean, 1.5f, "average");
          const Tensor sent = own(mine);
          group.broadcast(sent, 1)->wait();
          expect(sent, 2, "broadcast");
          const std::vector<Tensor> all{own(0), own(0)};
          group.all_gather(own(mine), all)->wait();
          expect(all[0], 1, "all_gather");
          expect(all[1], 2, "all_gather");
          const Tensor part = own(0);
          const std::vector<Tensor> parts{own(mine), own(10 * mine)};
          group.reduce_scatter(part, parts)->wait();
          expect(part, group.rank() == 0 ? 3.0f : 30.0f, "reduce_scatter");
          const Tensor message = own(7);
          if (group.rank() == 0) {
            group.send(message, 1)->wait();
          } else {
            const Tensor got = own(0);
            group.recv(got, 0)->wait();
            expect(got, 7, "recv");
          }
          group.barrier()->wait();
        },
        problems);
    QCOMPARE(problems, std::vector<std::string>(2));
  }

  void a_rank_that_stays_away_is_missed() {
    QTemporaryDir folder;
    std::vector<std::string> problems;
    as_two_ranks(
        folder.filePath("store").toStdString(), 1500ms,
        [](dist::ProcessGroup& group) {
          if (group.rank() == 1) {
            std::this_thread::sleep_for(3s);
            group.abort("rank 1 goes");
            return;
          }
          const Tensor t = zeros({4}, DType::Float32, device_of(group));
          const auto work = group.all_reduce(t);
          QElapsedTimer clock;
          clock.start();
          while (clock.elapsed() < 2500) {
            try {
              work->wait();
            } catch (const Error& error) {
              throw Error("in time: " + error.text());
            }
            std::this_thread::sleep_for(10ms);
          }
        },
        problems);
    QVERIFY2(problems[0].starts_with("in time: [all_reduce] failed"), problems[0].c_str());
    QVERIFY2(problems[0].find("more than 1500 ms") != std::string::npos, problems[0].c_str());
    QCOMPARE(problems[1], std::string());
  }

  void a_recorded_exchange_is_replayed_and_missed() {
    QTemporaryDir folder;
    std::vector<std::string> problems;
    as_two_ranks(
        folder.filePath("store").toStdString(), 1500ms,
        [](dist::ProcessGroup& group) {
          const Device device = device_of(group);
          const Tensor t = empty({3}, DType::Float32, device);
          raw::fill_(t, Scalar(1.0 + group.rank()));
          group.all_reduce(t)->wait();
          Generator generator;
          const auto recorded = backend_of(device).capture(device, generator, nullptr,
                                                           [&] { group.all_reduce(t)->wait(); });
          for (const float expected : {6.0f, 12.0f}) {
            recorded->replay(generator);
            const float got = on_cpu(t).data<float>()[2];
            NW_CHECK(got == expected, "replayed: ", got, " instead of ", expected);
          }
          if (group.rank() == 1) {
            std::this_thread::sleep_for(3s);
            return;
          }
          recorded->replay(generator);
          std::this_thread::sleep_for(2500ms);
          group.all_reduce(t);
        },
        problems);
    QVERIFY2(problems[0].find("[recorded work] rank 0 waited for the others for more than 1500 "
                              "ms") != std::string::npos,
             problems[0].c_str());
    QCOMPARE(problems[1], std::string());
  }

  void ranks_that_never_meet_give_up() {
    QTemporaryDir folder;
    dist::GroupOptions options;
    options.size = 2;
    options.timeout = 500ms;
    options.device = kGpu;
    options.store = std::make_shared<dist::FileStore>(folder.filePath("store").toStdString(), 1);
    const auto problem = [&](const std::string& name) -> std::string {
      options.name = name;
      try {
        dist::make_process_group("nccl", options);
      } catch (const Error& error) {
        return error.text();
      }
      return "none";
    };
    const std::string alone = problem("alone");
    QVERIFY2(alone.find("nobody has set 'nccl/alone/all ranks'") != std::string::npos,
             alone.c_str());
    options.store->add("nccl/left/ranks", 1);  // one that comes, and goes before it meets the other
    const std::string left = problem("left");
    QVERIFY2(left.find("waited for the other ranks for more than 500 ms") != std::string::npos,
             left.c_str());
  }

  void two_ranks_on_one_device_are_refused() {
    QTemporaryDir folder;
    std::vector<std::string> problems;
    as_two_ranks(
        folder.filePath("store").toStdString(), 10s, [](dist::ProcessGroup&) {}, problems, 1);
    for (const std::string& problem : problems) {
      QVERIFY2(problem.find("Duplicate GPU") != std::string::npos, problem.c_str());
    }
  }
};

QTEST_GUILESS_MAIN(TestSimulatedNccl)
#include "test_simulated_nccl.moc"
