#include <cmath>
#include <limits>

#include "tests/simulator/libraries/cudnn_objects.h"

// cuDNN's pooling for the simulated GPU.

namespace nw::simulated::dnn {
namespace {

/// One plane in three dimensions, of which the first may be 1.
struct Planes {
  int64_t count;
  int64_t x[3], y[3];
  int64_t window[3], padding[3], stride[3];

  Planes(const cudnnPoolingStruct& p, const Shape& from, const Shape& to)
      : count(int64_t{from.sizes[0]} * from.sizes[1]) {
    const int missing = 3 - p.rank;
    for (int d = 0; d < 3; ++d) {
      const bool there = d >= missing;
      x[d] = there ? from.sizes[d - missing + 2] : 1;
      y[d] = there ? to.sizes[d - missing + 2] : 1;
      window[d] = there ? p.window[d - missing] : 1;
      padding[d] = there ? p.padding[d - missing] : 0;
      stride[d] = there ? p.stride[d - missing] : 1;
    }
  }

  int64_t x_numbers() const { return x[0] * x[1] * x[2]; }
  int64_t y_numbers() const { return y[0] * y[1] * y[2]; }
  int64_t window_numbers() const { return window[0] * window[1] * window[2]; }

  /// Calls with the places of a plane that lie in the window of a place of y.
  template <typename Function>
  void each_in_window(int64_t at, const Function& function) const {
    const int64_t place[3] = {at / (y[1] * y[2]), at / y[2] % y[1], at % y[2]};
    int64_t begin[3];
    int64_t end[3];
    for (int d = 0; d < 3; ++d) {
      const int64_t first = place[d] * stride[d] - padding[d];
      begin[d] = std::max<int64_t>(first, 0);
      end[d] = std::min(first + window[d], x[d]);
    }
    for (int64_t i = begin[0]; i < end[0]; ++i) {
      for (int64_t j = begin[1]; j < end[1]; ++j) {
        for (int64_t k = begin[2]; k < end[2]; ++k) function((i * x[1] + j) * x[2] + k);
      }
    }
  }
  int64_t numbers_in_window(int64_t at) const {
    int64_t found = 0;
    each_in_window(at, [&](int64_t) { ++found; });
    return found;
  }
};

bool takes_largest(cudnnPoolingMode_t mode) {
  return mode == CUDNN_POOLING_MAX || mode == CUDNN_POOLING_MAX_DETERMINISTIC;
}

int64_t divisor(const cudnnPoolingStruct& p, const Planes& planes, int64_t at) {
  return p.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? planes.window_numbers()
                                                               : planes.numbers_in_window(at);
}

template <typename T>
std::vector<T> forward(const cudnnPoolingStruct& p, const Planes& planes, const std::vector<T>& x) {
  std::vector<T> y;
  for (int64_t plane = 0; plane < planes.count; ++plane) {
    const T* from = &x[static_cast<size_t>(plane * planes.x_numbers())];
    for (int64_t at = 0; at < planes.y_numbers(); ++at) {
      T largest = -std::numeric_limits<T>::infinity();
      double sum = 0;
      planes.each_in_window(at, [&](int64_t i) {
        sum += static_cast<double>(from[i]);
        if (from[i] > largest || (p.keeps_nan && std::isnan(from[i]))) largest = from[i];
      });
      y.push_back(takes_largest(p.mode)
                      ? largest
                      : static_cast<T>(sum / static_cast<double>(divisor(p, planes, at))));
    }
  }
  return y;
}

template <typename T>
std::vector<T> backward(const cudnnPoolingStruct& p, const Planes& planes,
                        const std::vector<T>& dy) {
  std::vector<T> dx(static_cast<size_t>(planes.count * planes.x_numbers()));
  for (int64_t plane = 0; plane < planes.count; ++plane) {
    T* to = &dx[static_cast<size_t>(plane * planes.x_numbers())];
    for (int64_t at = 0; at < planes.y_numbers(); ++at) {
      const T share = dy[static_cast<size_t>(plane * planes.y_numbers() + at)] /
                      static_cast<T>(divisor(p, planes, at));
      planes.each_in_window(at, [&](int64_t i) { to[i] += share; });
    }
  }
  return dx;
}

cudnnStatus_t status_of_shapes(const cudnnPoolingStruct& p, const Shape& x, const Shape& y) {
  if (p.rank == 0 || !x.is_set() || !y.is_set()) return CUDNN_STATUS_BAD_PARAM;
  bool fits = x.rank == p.rank + 2 && y.rank == x.rank && x.type == y.type &&
              x.sizes[0] == y.sizes[0] && x.sizes[1] == y.sizes[1];
  for (int d = 0; fits && d < p.rank; ++d) {
    const int room = x.sizes[d + 2] + 2 * p.padding[d] - p.window[d];
    fits = room >= 0 && y.sizes[d + 2] == room / p.stride[d] + 1;
  }
  return fits ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

}  // namespace
}  // namespace nw::simulated::dnn

using namespace nw::simulated;
using namespace nw::simulated::dnn;

extern "C" {

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                  const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
                                  const void* x, const void* beta,
                                  const cudnnTensorDescriptor_t y_descriptor, void* y) {
  const HandleUse use(handle, __func__);
  expect_alive(pooling, __func__);
  expect_alive(x_descriptor, __func__);
  expect_alive(y_descriptor, __func__);
  const Shape& from = x_descriptor->shape;
  const Shape& to = y_descriptor->shape;
  NW_DNN(status_of_shapes(*pooling, from, to));
  if (alpha == nullptr || beta == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  NW_DNN(status_of(x, from, use.device(), "x of a pooling"));
  NW_DNN(status_of(y, to, use.device(), "y of a pooling"));
  const double times = factor(alpha, from.type);
  const double kept = factor(beta, from.type);
  enqueue(use.stream(), [p = *pooling, from, to, x, y, times, kept] {
    with_sums(from.type, [&](auto zero) {
      using T = decltype(zero);
      write<T>(to, y, forward<T>(p, Planes(p, from, to), read<T>(from, x)), times, kept);
    });
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                   const void* alpha, const cudnnTensorDescriptor_t y_descriptor,
                                   const void* y, const cudnnTensorDescriptor_t dy_descriptor,
                                   const void* dy, const cudnnTensorDescriptor_t x_descriptor,
                                   const void* x, const void* beta,
                                   const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
  const HandleUse use(handle, __func__);
  expect_alive(pooling, __func__);
  for (const auto one : {y_descriptor, dy_descriptor, x_descriptor, dx_descriptor}) {
    expect_alive(one, __func__);
  }
  if (alpha == nullptr || beta == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  // To which of several equal numbers the slope of a maximum goes is not described.
  if (takes_largest(pooling->mode)) return CUDNN_STATUS_NOT_SUPPORTED;
  NW_DNN(status_of_shapes(*pooling, x_descriptor->shape, y_descriptor->shape));
  NW_DNN(status_of_shapes(*pooling, dx_descriptor->shape, dy_descriptor->shape));
  const Shape& from = dy_descriptor->shape;
  const Shape& to = dx_descriptor->shape;
  if (!to.has_sizes_of(x_descriptor->shape)) return CUDNN_STATUS_BAD_PARAM;
  NW_DNN(status_of(x, x_descriptor->shape, use.device(), "x of a pooling"));
  NW_DNN(status_of(y, y_descriptor->shape, use.device(), "y of a pooling"));
  NW_DNN(status_of(dy, from, use.device(), "dy of a pooling"));
  NW_DNN(status_of(dx, to, use.device(), "dx of a pooling"));
  const double times = factor(alpha, to.type);
  const double kept = factor(beta, to.type);
  enqueue(use.stream(), [p = *pooling, from, to, dy, dx, times, kept] {
    with_sums(to.type, [&](auto zero) {
      using T = decltype(zero);
      write<T>(to, dx, backward<T>(p, Planes(p, to, from), read<T>(from, dy)), times, kept);
    });
  });
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
