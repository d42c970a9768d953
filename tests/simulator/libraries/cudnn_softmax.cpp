#include <cmath>

#include "tests/simulator/libraries/cudnn_objects.h"

// cuDNN's softmax for the simulated GPU.

namespace nw::simulated::dnn {
namespace {

/// The numbers that are divided by one sum: `count` that lie `step` apart.
struct Lines {
  int64_t outer, count, inner;

  Lines(cudnnSoftmaxMode_t mode, const Shape& x)
      : outer(x.sizes[0]), count(x.sizes[1]), inner(x.numel() / outer / count) {
    if (mode == CUDNN_SOFTMAX_MODE_INSTANCE) {
      count *= inner;
      inner = 1;
    }
  }

  template <typename Function>
  void each(const Function& function) const {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) function(o * count * inner + i);
    }
  }
};

template <typename T>
std::vector<T> forward(cudnnSoftmaxAlgorithm_t algorithm, const Lines& lines,
                       const std::vector<T>& x) {
  std::vector<T> y(x.size());
  lines.each([&](int64_t begin) {
    const auto at = [&](int64_t i) { return static_cast<size_t>(begin + i * lines.inner); };
    double largest = static_cast<double>(x[at(0)]);
    for (int64_t i = 1; i < lines.count; ++i) {
      largest = std::max(largest, static_cast<double>(x[at(i)]));
    }
    double sum = 0;
    for (int64_t i = 0; i < lines.count; ++i) {
      sum += std::exp(static_cast<double>(x[at(i)]) - largest);
    }
    for (int64_t i = 0; i < lines.count; ++i) {
      const double off = static_cast<double>(x[at(i)]) - largest;
      y[at(i)] = static_cast<T>(algorithm == CUDNN_SOFTMAX_LOG ? off - std::log(sum)
                                                               : std::exp(off) / sum);
    }
  });
  return y;
}

template <typename T>
std::vector<T> backward(cudnnSoftmaxAlgorithm_t algorithm, const Lines& lines,
                        const std::vector<T>& y, const std::vector<T>& dy) {
  std::vector<T> dx(y.size());
  const bool log = algorithm == CUDNN_SOFTMAX_LOG;
  lines.each([&](int64_t begin) {
    const auto at = [&](int64_t i) { return static_cast<size_t>(begin + i * lines.inner); };
    double sum = 0;
    for (int64_t i = 0; i < lines.count; ++i) {
      sum += static_cast<double>(dy[at(i)]) * (log ? 1.0 : static_cast<double>(y[at(i)]));
    }
    for (int64_t i = 0; i < lines.count; ++i) {
      const auto out = static_cast<double>(y[at(i)]);
      const auto slope = static_cast<double>(dy[at(i)]);
      dx[at(i)] = static_cast<T>(log ? slope - std::exp(out) * sum : out * (slope - sum));
    }
  });
  return dx;
}

cudnnStatus_t status_of_kind(cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode) {
  const bool known = algorithm >= CUDNN_SOFTMAX_FAST && algorithm <= CUDNN_SOFTMAX_LOG &&
                     (mode == CUDNN_SOFTMAX_MODE_INSTANCE || mode == CUDNN_SOFTMAX_MODE_CHANNEL);
  return known ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t status_of_pair(const Shape& a, const Shape& b) {
  const bool fits = a.is_set() && b.is_set() && a.has_sizes_of(b) && a.type == b.type;
  if (!fits) return CUDNN_STATUS_BAD_PARAM;
  return a.rank >= 4 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

}  // namespace
}  // namespace nw::simulated::dnn

using namespace nw::simulated;
using namespace nw::simulated::dnn;

extern "C" {

cudnnStatus_t cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                  cudnnSoftmaxMode_t mode, const void* alpha,
                                  const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                  const void* beta, const cudnnTensorDescriptor_t y_descriptor,
                                  void* y) {
  const HandleUse use(handle, __func__);
  expect_alive(x_descriptor, __func__);
  expect_alive(y_descriptor, __func__);
  const Shape& from = x_descriptor->shape;
  const Shape& to = y_descriptor->shape;
  NW_DNN(status_of_kind(algorithm, mode));
  NW_DNN(status_of_pair(from, to));
  if (alpha == nullptr || beta == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  NW_DNN(status_of(x, from, use.device(), "x of a softmax"));
  NW_DNN(status_of(y, to, use.device(), "y of a softmax"));
  const double times = factor(alpha, from.type);
  const double kept = factor(beta, from.type);
  enqueue(use.stream(), [=] {
    with_sums(from.type, [&](auto zero) {
      using T = decltype(zero);
      write<T>(to, y, forward<T>(algorithm, Lines(mode, from), read<T>(from, x)), times, kept);
    });
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSoftmaxBackward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                   cudnnSoftmaxMode_t mode, const void* alpha,
                                   const cudnnTensorDescriptor_t y_descriptor, const void* y,
                                   const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                   const void* beta, const cudnnTensorDescriptor_t dx_descriptor,
                                   void* dx) {
  const HandleUse use(handle, __func__);
  for (const auto one : {y_descriptor, dy_descriptor, dx_descriptor}) expect_alive(one, __func__);
  const Shape& out = y_descriptor->shape;
  const Shape& from = dy_descriptor->shape;
  const Shape& to = dx_descriptor->shape;
  NW_DNN(status_of_kind(algorithm, mode));
  NW_DNN(status_of_pair(out, from));
  NW_DNN(status_of_pair(out, to));
  if (alpha == nullptr || beta == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  NW_DNN(status_of(y, out, use.device(), "y of a softmax"));
  NW_DNN(status_of(dy, from, use.device(), "dy of a softmax"));
  NW_DNN(status_of(dx, to, use.device(), "dx of a softmax"));
  const double times = factor(alpha, to.type);
  const double kept = factor(beta, to.type);
  enqueue(use.stream(), [=] {
    with_sums(to.type, [&](auto zero) {
      using T = decltype(zero);
      write<T>(to, dx, backward<T>(algorithm, Lines(mode, out), read<T>(out, y), read<T>(from, dy)),
               times, kept);
    });
  });
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
