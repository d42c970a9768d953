#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <dlfcn.h>

#include <QtTest>

#include "core/backend/creation.h"
#include "core/backend/math_mode.h"
#include "core/base/warning.h"
#include "tests/plugins/cuda_kernels/conv_case.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

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

/// A handle with a stream of its own, and the descriptors of a convolution of float32 images.
struct ConvCalls {
  cudnnHandle_t handle = nullptr;
  cudaStream_t stream = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t conv = nullptr;
  int64_t groups = 1;

  ConvCalls() {
    cudaSetDevice(0);
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    CUDNN(cudnnCreate)(&handle);
    CUDNN(cudnnSetStream)(handle, stream);
    CUDNN(cudnnCreateTensorDescriptor)(&x);
    CUDNN(cudnnCreateTensorDescriptor)(&y);
    CUDNN(cudnnCreateFilterDescriptor)(&weight);
    CUDNN(cudnnCreateConvolutionDescriptor)(&conv);
  }
  ~ConvCalls() {
    CUDNN(cudnnDestroyConvolutionDescriptor)(conv);
    CUDNN(cudnnDestroyFilterDescriptor)(weight);
    CUDNN(cudnnDestroyTensorDescriptor)(y);
    CUDNN(cudnnDestroyTensorDescriptor)(x);
    CUDNN(cudnnDestroy)(handle);
    cudaStreamDestroy(stream);
  }

  void describe(const ConvCase& c) {
    const auto ints = [](const auto& values) {
      return std::vector<int>(values.begin(), values.end());
    };
    const auto set = [&](cudnnTensorDescriptor_t to, const Dims& sizes) {
      QCOMPARE(CUDNN(cudnnSetTensorNdDescriptor)(to, CUDNN_DATA_FLOAT, 4, ints(sizes).data(),
                                                 ints(contiguous_strides(sizes)).data()),
               CUDNN_STATUS_SUCCESS);
    };
    set(x, c.x);
    set(y, c.y);
    QCOMPARE(CUDNN(cudnnSetFilterNdDescriptor)(weight, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 4,
                                               ints(c.weight).data()),
             CUDNN_STATUS_SUCCESS);
    const Window& w = c.window;
    QCOMPARE(CUDNN(cudnnSetConvolutionNdDescriptor)(conv, 2, ints(w.padding).data(),
                                                    ints(w.stride).data(), ints(w.dilation).data(),
                                                    CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
             CUDNN_STATUS_SUCCESS);
    groups = w.groups;
    CUDNN(cudnnSetConvolutionGroupCount)(conv, static_cast<int>(w.groups));
    CUDNN(cudnnSetConvolutionMathType)(conv, CUDNN_FMA_MATH);
  }

  /// Calls run(algorithm, workspace, bytes) for each that is offered, and one byte short of it. Of
  /// groups some may be refused. −1: one gave something else.
  template <typename Result, typename Advise, typename Run>
  int each(const Advise& advise, const Run& run, const Tensor& out, const Tensor& expected) const {
    Result results[16];
    int count = 0;
    int offered = 0;
    if (advise(&count, results) != CUDNN_STATUS_SUCCESS) return 0;
    for (int i = 0; i < count; ++i) {
      if (results[i].status != CUDNN_STATUS_SUCCESS) continue;
      ++offered;
      const size_t bytes = results[i].memory;
      const Tensor room = empty({static_cast<int64_t>(bytes) + 16}, DType::UInt8, kGpu);
      backend_of(kGpu).synchronize(kGpu);
      if (bytes > 0) {
        const cudnnStatus_t less = run(results[i].algo, room.raw(), bytes - 1);
        if (CUDNN_STATUS_CATEGORY(less) != CUDNN_STATUS_BAD_PARAM) return -1;
      }
      const cudnnStatus_t status = run(results[i].algo, room.raw(), bytes);
      if (status != CUDNN_STATUS_SUCCESS && groups > 1) continue;
      if (status != CUDNN_STATUS_SUCCESS) return -1;
      cudaStreamSynchronize(stream);
      const std::string problem = difference(on_cpu(out), expected, "algorithm", 8);
      if (!problem.empty()) {
        qWarning("algorithm %d: %s", static_cast<int>(results[i].algo), problem.c_str());
        return -1;
      }
    }
    return offered;
  }
};

/// A math mode that is put back.
class ModeScope {
 public:
  explicit ModeScope(const MathMode& mode) : before_(math_mode()) { set_math_mode(mode); }
  ~ModeScope() { set_math_mode(before_); }

 private:
  MathMode before_;
};

}  // namespace

/// The stand-ins for cuBLASLt and cuDNN against the CPU, through the plugin and by their own calls.
class TestSimulatedLibraries : public QObject {
  Q_OBJECT

 private:
  QStringList warnings_;

 private slots:
  void initTestCase() {
    set_warning_handler([this](const std::string& text) { warnings_.append(text.c_str()); });
    QCOMPARE(load_simulated_gpus("devices=2,memory=256M"), std::string());
  }

  void convolutions_are_those_of_the_cpu() {
    Draw draw(test_seed());
    for (int round = 0; round < 120; ++round) {
      const ConvCase c(draw, 1);
      if (std::count(c.y.begin(), c.y.end(), 0) > 0) continue;
      constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
      const DType dtype = kTypes[draw.integer(0, 3)];
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

  void a_convolution_may_leave_room_for_more_windows() {
    Draw draw(test_seed());
    int fewer = 0;
    for (int round = 0; round < 120; ++round) {
      ConvCase c(draw, 1);
      for (size_t d = 2; d < c.y.size(); ++d) {
        if (c.y[d] > 1 && draw.chance(0.5)) c.y[d] = draw.integer(1, c.y[d]);
      }
      if (numel(c.y) == 0) continue;
      const Tensor x = drawn(draw, c.x);
      const Tensor weight = drawn(draw, c.weight);
      const Tensor bias = drawn(draw, {c.weight[0]});
      const Tensor grad = drawn(draw, c.y);
      const ModeScope scope({.conv_tf32 = false});
      const Results ours = convolve(c, on_gpu(x), on_gpu(weight), on_gpu(bias), on_gpu(grad));
      const std::string problem = first_difference(ours, convolve(c, x, weight, bias, grad), 8);
      QVERIFY2(problem.empty(), problem.c_str());
      ++fewer;
    }
    QVERIFY(fewer > 60);
    QVERIFY2(warnings_.isEmpty(), qPrintable(warnings_.join("; ")));
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

  void every_algorithm_that_is_offered_gives_the_same() {
    Draw draw(test_seed());
    ConvCalls calls;
    const float one = 1;
    const float zero = 0;
    int offered = 0;
    for (int round = 0; round < 250; ++round) {
      const ConvCase c(draw, 1);
      if (c.x.size() != 4 || c.y[2] * c.y[3] == 0) continue;
      const Tensor x = drawn(draw, c.x);
      const Tensor weight = drawn(draw, c.weight);
      const Tensor grad = drawn(draw, c.y);
      const Results expected = convolve(c, x, weight, drawn(draw, {c.weight[0]}), grad);
      const Tensor plain = empty(c.y, DType::Float32, kCpu);
      kernels_of(plain).conv(x, weight, {}, c.window, plain);
      const Tensor there_x = on_gpu(x);
      const Tensor there_weight = on_gpu(weight);
      const Tensor there_grad = on_gpu(grad);
      const Tensor y = empty(c.y, DType::Float32, kGpu);
      const Tensor grad_x = empty(c.x, DType::Float32, kGpu);
      const Tensor grad_weight = empty(c.weight, DType::Float32, kGpu);
      calls.describe(c);
      const int forward = calls.each<cudnnConvolutionFwdAlgoPerf_t>(
          [&](int* count, auto* results) {
            return CUDNN(cudnnGetConvolutionForwardAlgorithm_v7)(
                calls.handle, calls.x, calls.weight, calls.conv, calls.y, 16, count, results);
          },
          [&](auto algorithm, void* room, size_t bytes) {
            return CUDNN(cudnnConvolutionForward)(calls.handle, &one, calls.x, there_x.raw(),
                                                  calls.weight, there_weight.raw(), calls.conv,
                                                  algorithm, room, bytes, &zero, calls.y, y.raw());
          },
          y, plain);
      const int backward = calls.each<cudnnConvolutionBwdDataAlgoPerf_t>(
          [&](int* count, auto* results) {
            return CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7)(
                calls.handle, calls.weight, calls.y, calls.conv, calls.x, 16, count, results);
          },
          [&](auto algorithm, void* room, size_t bytes) {
            return CUDNN(cudnnConvolutionBackwardData)(
                calls.handle, &one, calls.weight, there_weight.raw(), calls.y, there_grad.raw(),
                calls.conv, algorithm, room, bytes, &zero, calls.x, grad_x.raw());
          },
          grad_x, expected.grad_x);
      const int of_weight = calls.each<cudnnConvolutionBwdFilterAlgoPerf_t>(
          [&](int* count, auto* results) {
            return CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7)(
                calls.handle, calls.x, calls.y, calls.conv, calls.weight, 16, count, results);
          },
          [&](auto algorithm, void* room, size_t bytes) {
            return CUDNN(cudnnConvolutionBackwardFilter)(
                calls.handle, &one, calls.x, there_x.raw(), calls.y, there_grad.raw(), calls.conv,
                algorithm, room, bytes, &zero, calls.weight, grad_weight.raw());
          },
          grad_weight, expected.grad_weight);
      QVERIFY2(forward >= 0 && backward >= 0 && of_weight >= 0,
               qPrintable(QString("%1 %2 %3").arg(forward).arg(backward).arg(of_weight)));
      offered += forward + backward + of_weight;
    }
    QVERIFY(offered > 100);
  }

  void cudnn_refuses_what_it_does_not_describe() {
    cudnnTensorDescriptor_t x = nullptr;
    QCOMPARE(CUDNN(cudnnCreateTensorDescriptor)(&x), CUDNN_STATUS_SUCCESS);
    const int sizes[] = {2, 3, 4, 5};
    const int strides[] = {60, 20, 5, 1};
    const int none[] = {2, 0, 4, 5};
    const int spread[] = {60, 0, 5, 1};
    const auto set = CUDNN(cudnnSetTensorNdDescriptor);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 4, sizes, strides), CUDNN_STATUS_SUCCESS);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 4, none, strides), CUDNN_STATUS_BAD_PARAM);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 4, sizes, spread), CUDNN_STATUS_BAD_PARAM);
    QCOMPARE(set(x, CUDNN_DATA_FLOAT, 2, sizes, strides), CUDNN_STATUS_NOT_SUPPORTED);
    QCOMPARE(CUDNN(cudnnDestroyTensorDescriptor)(x), CUDNN_STATUS_SUCCESS);
  }
};

QTEST_GUILESS_MAIN(TestSimulatedLibraries)
#include "test_simulated_libraries.moc"
