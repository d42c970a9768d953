#include <cudnn.h>
#include <dlfcn.h>

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <random>
#include <thread>

#include "core/backend/creation.h"
#include "core/backend/math_mode.h"
#include "core/base/error.h"
#include "core/dist/process_group.h"
#include "core/dist/store.h"
#include "core/plugin/loader.h"
#include "tests/plugins/cuda_kernels/conv_case.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;
using namespace std::chrono_literals;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

Tensor drawn(Draw& draw, const Dims& sizes, DType dtype = DType::Float32) {
  const Tensor out = empty(sizes, DType::Float32, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) {
    out.data<float>()[i] = static_cast<float>(draw.real(-1, 1));
  }
  return raw::to(out, dtype);
}

Tensor on_gpu(const Tensor& tensor) {
  return raw::to(tensor, kGpu);
}
Tensor on_cpu(const Tensor& tensor) {
  return raw::to(tensor, kCpu);
}

/// The same numbers with the channels innermost in memory.
Tensor turned(const Tensor& tensor) {
  const Tensor out = empty({tensor.numel()}, tensor.dtype(), tensor.device())
                         .as_strided(tensor.sizes(), channels_last_strides(tensor.sizes()), 0);
  raw::copy_(out, tensor);
  return out;
}

/// A kernel's result on the device of its operands.
struct Results {
  Tensor y, grad_x, grad_weight, grad_bias;
};
Results convolve(const ConvCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias,
                 const Tensor& grad) {
  const auto like = [&](const Dims& sizes, bool is_turned) {
    const Tensor out = empty(sizes, x.dtype(), x.device());
    return is_turned ? turned(out) : out;
  };
  const bool is_turned = !x.is_contiguous();
  const Results out{like(c.y, is_turned), like(c.x, is_turned), like(c.weight, false),
                    like({c.weight[0]}, false)};
  const Kernels& kernels = kernels_of(x);
  kernels.conv(x, weight, bias, c.window, out.y);
  kernels.conv_grad_input(grad, weight, c.window, out.grad_x);
  kernels.conv_grad_weight(grad, x, c.window, out.grad_weight, out.grad_bias);
  return out;
}

std::string first_difference(const Results& ours, const Results& theirs, double slack) {
  for (const auto& [name, member] :
       {std::pair{"y", &Results::y}, std::pair{"grad_x", &Results::grad_x},
        std::pair{"grad_weight", &Results::grad_weight},
        std::pair{"grad_bias", &Results::grad_bias}}) {
    const std::string problem = difference(on_cpu(ours.*member), theirs.*member, name, slack);
    if (!problem.empty()) return problem;
  }
  return {};
}

/// A function of the stand-in for cuDNN, which has the library's name.
template <typename Function>
Function* cudnn(const char* name) {
  static void* const library = dlopen(NW_BINARY_DIR "/simulated/libcudnn.so.9", RTLD_NOW);
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}
#define CUDNN(function) cudnn<decltype(::function)>(#function)

/// A math mode that is put back.
class ModeScope {
 public:
  explicit ModeScope(const MathMode& mode) : before_(math_mode()) { set_math_mode(mode); }
  ~ModeScope() { set_math_mode(before_); }

 private:
  MathMode before_;
};

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

/// The stand-ins for cuBLASLt, cuDNN and NCCL, through the plugin, against the CPU.
class TestSimulatedLibraries : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    const auto seed = QByteArray::number(static_cast<quint64>(test_seed()));
    qputenv("NETWRIGHT_SIMULATED_GPU", "devices=2,memory=256M,seed=" + seed);
    const auto loaded = plugin::load_plugins({NW_BINARY_DIR "/simulated/plugins"});
    QCOMPARE(loaded.size(), size_t{1});
    QCOMPARE(loaded.front().failure, std::string());
  }

  void convolutions_are_those_of_the_cpu() {
    Draw draw(test_seed());
    for (int round = 0; round < 120; ++round) {
      const ConvCase c(draw, 1);
      if (std::count(c.y.begin(), c.y.end(), 0) > 0) continue;
      const DType dtype = draw.chance(0.2) ? DType::Float64 : DType::Float32;
      const ModeScope scope({.conv_tf32 = false, .benchmark = draw.chance(0.5)});
      const Tensor x = drawn(draw, c.x, dtype);
      const Tensor weight = drawn(draw, c.weight, dtype);
      const Tensor bias = drawn(draw, {c.weight[0]}, dtype);
      const Tensor grad = drawn(draw, c.y, dtype);
      const bool innermost = c.x.size() == 4 && draw.chance(0.5);
      const auto place = [&](const Tensor& t) { return innermost ? turned(on_gpu(t)) : on_gpu(t); };
      const Results ours = convolve(c, place(x), on_gpu(weight), on_gpu(bias), place(grad));
      const std::string problem = first_difference(ours, convolve(c, x, weight, bias, grad), 8);
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

  void tf32_rounds_only_where_it_is_allowed() {
    Draw draw(test_seed());
    const Tensor a = drawn(draw, {24, 40});
    const Tensor b = drawn(draw, {40, 24});
    const auto product = [&](bool tf32) {
      const ModeScope scope({.matmul_tf32 = tf32});
      const Tensor out = empty({24, 24}, DType::Float32, kGpu);
      kernels_of(out).matmul(on_gpu(a), on_gpu(b), out);
      return on_cpu(out);
    };
    const Tensor exact = empty({24, 24}, DType::Float32, kCpu);
    kernels_of(exact).matmul(a, b, exact);
    QCOMPARE(difference(product(false), exact, "exact"), std::string());
    QVERIFY(!difference(product(true), exact, "rounded").empty());
    QCOMPARE(difference(product(true), exact, "rounded", 500), std::string());
  }

  void a_convolution_is_exact_where_tf32_is_forbidden() {
    Draw draw(test_seed());
    int rounded = 0;
    for (int round = 0; round < 20; ++round) {
      ConvCase c(draw, 1);
      c.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, 1};
      c.x = {2, 3, 7, draw.integer(5, 9)};
      c.weight = {4, 3, 3, 3};
      c.y = {2, 4, c.x[2], c.x[3]};
      const Tensor x = drawn(draw, c.x);
      const Tensor weight = drawn(draw, c.weight);
      const Tensor bias = drawn(draw, {4});
      const Tensor grad = drawn(draw, c.y);
      const Results expected = convolve(c, x, weight, bias, grad);
      const auto run = [&](bool tf32) {
        const ModeScope scope({.conv_tf32 = tf32});
        return convolve(c, on_gpu(x), on_gpu(weight), on_gpu(bias), on_gpu(grad));
      };
      QCOMPARE(first_difference(run(false), expected, 8), std::string());
      const Results coarse = run(true);
      QCOMPARE(first_difference(coarse, expected, 2000), std::string());
      rounded += first_difference(coarse, expected, 8).empty() ? 0 : 1;
    }
    QVERIFY(rounded > 0);
  }

  void products_take_any_strides() {
    Draw draw(test_seed());
    for (int round = 0; round < 100; ++round) {
      const int64_t batch = draw.integer(1, 3);
      const int64_t m = draw.integer(1, 9);
      const int64_t n = draw.integer(1, 9);
      const int64_t k = draw.integer(1, 80);
      constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Complex64, DType::Float16};
      const DType dtype = kTypes[draw.integer(0, 3)];
      const auto operand = [&](int64_t rows, int64_t columns) {
        if (draw.chance(0.5)) return drawn(draw, {batch, rows, columns}, dtype);
        const Tensor t = drawn(draw, {batch, columns, rows}, dtype);
        return t.as_strided({batch, rows, columns}, {rows * columns, 1, rows}, 0);
      };
      const Tensor a = operand(m, k);
      const Tensor b = operand(k, n);
      const Tensor expected = empty({batch, m, n}, dtype, kCpu);
      kernels_of(expected).bmm(a, b, expected);
      const auto there = [](const Tensor& t) {
        const Dims sizes = t.sizes();
        const Tensor all = on_gpu(t.as_strided({t.numel()}, {1}, 0));
        return all.as_strided(sizes, t.strides(), 0);
      };
      const Tensor ours = empty({batch, m, n}, dtype, kGpu);
      kernels_of(ours).bmm(there(a), there(b), ours);
      const std::string problem = difference(on_cpu(ours), expected, "product", 4);
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

  void cudnn_refuses_what_it_does_not_describe() {
    cudnnTensorDescriptor_t x = nullptr;
    QCOMPARE(CUDNN(cudnnCreateTensorDescriptor)(&x), CUDNN_STATUS_SUCCESS);
    const int sizes[] = {2, 3, 4, 5};
    const int strides[] = {60, 20, 5, 1};
    const int none[] = {2, 0, 4, 5};
    const auto set = CUDNN(cudnnSetTensorNdDescriptor);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 4, sizes, strides), CUDNN_STATUS_SUCCESS);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 4, none, strides), CUDNN_STATUS_BAD_PARAM);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 2, sizes, strides), CUDNN_STATUS_NOT_SUPPORTED);
    QCOMPARE(CUDNN(cudnnDestroyTensorDescriptor)(x), CUDNN_STATUS_SUCCESS);
  }

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

  void ranks_that_never_meet_give_up() {
    QTemporaryDir folder;
    dist::GroupOptions options;
    options.size = 2;
    options.timeout = 500ms;
    options.device = kGpu;
    options.store = std::make_shared<dist::FileStore>(folder.filePath("store").toStdString(), 1);
    std::string problem;
    try {
      dist::make_process_group("nccl", options);
    } catch (const Error& error) {
      problem = error.text();
    }
    QVERIFY2(problem.find("waited for the other ranks for more than 500 ms") != std::string::npos,
             problem.c_str());
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

QTEST_GUILESS_MAIN(TestSimulatedLibraries)
#include "test_simulated_libraries.moc"
