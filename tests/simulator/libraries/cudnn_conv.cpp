#include "tests/simulator/libraries/cudnn_conv.h"

#include <algorithm>
#include <cstdlib>

// cuDNN's convolutions for the simulated GPU.

namespace nw::simulated::dnn {
namespace {

cudnnStatus_t gather(ConvProblem& problem, cudnnTensorDescriptor_t x,
                     cudnnFilterDescriptor_t weight, cudnnConvolutionDescriptor_t conv,
                     cudnnTensorDescriptor_t y, const char* call) {
  if (x == nullptr || weight == nullptr || conv == nullptr || y == nullptr) {
    return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  }
  for (const void* object : {static_cast<const void*>(x), static_cast<const void*>(weight),
                             static_cast<const void*>(conv), static_cast<const void*>(y)}) {
    expect_alive(object, call);
  }
  problem = {x->shape, weight->shape, y->shape, weight->innermost, *conv};
  return status_of(problem);
}

uint64_t problem_hash(Pass pass, const ConvProblem& p) {
  std::vector<int64_t> values{static_cast<int64_t>(pass), static_cast<int64_t>(p.x.type),
                              p.conv.groups, p.conv.math, p.innermost ? 1 : 0};
  for (int d = 0; d < p.x.rank; ++d) {
    values.insert(values.end(), {p.x.sizes[d], p.weight.sizes[d], p.y.sizes[d]});
  }
  return mixed(values);
}

/// All algorithms, those that there are first, in an order that looks like a measurement.
std::vector<ConvAlgorithm> ordered(Pass pass, const ConvProblem& problem) {
  std::vector<ConvAlgorithm> all;
  for (int i = 0; i < count_of_algorithms(pass); ++i) {
    all.push_back(algorithm_of(pass, i, problem));
  }
  uint64_t seed = problem_hash(pass, problem);
  for (size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[seed % i]);
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    seed ^= seed >> 33;
  }
  std::stable_partition(all.begin(), all.end(), [](const auto& one) { return one.supported; });
  return all;
}

/// Fills in what cuDNN says of each algorithm. room: what a measurement may use.
template <typename Result>
cudnnStatus_t answer(Pass pass, const ConvProblem& problem, size_t room, int wanted, int* count,
                     Result* results) {
  if (wanted < 1 || count == nullptr || results == nullptr) return CUDNN_STATUS_BAD_PARAM;
  const std::vector<ConvAlgorithm> all = ordered(pass, problem);
  *count = std::min(wanted, static_cast<int>(all.size()));
  for (int i = 0; i < *count; ++i) {
    const ConvAlgorithm& one = all[static_cast<size_t>(i)];
    Result& result = results[i];
    result = {};
    result.algo = static_cast<decltype(result.algo)>(one.number);
    result.determinism = one.repeats ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
    // Not what the descriptor asked for but what the algorithm could make use of.
    result.mathType = one.could_use;
    result.memory = one.workspace_bytes;
    result.time = -1;
    if (!one.supported) {
      result.status = CUDNN_STATUS_NOT_SUPPORTED;
    } else if (one.workspace_bytes > room) {
      result.status = CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
    } else {
      result.status = CUDNN_STATUS_SUCCESS;
      result.time = 0.01f * static_cast<float>(i + 1);
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t status_of_operands(const ConvProblem& p, const ConvOperands& o, int device) {
  NW_DNN(status_of(o.x, p.x, device, "x of a convolution"));
  NW_DNN(status_of(o.weight, p.weight, device, "the weight of a convolution"));
  return status_of(o.y, p.y, device, "y of a convolution");
}

/// What a pass writes, and how much of it.
std::pair<void*, size_t> result_of(Pass pass, const ConvProblem& p, const ConvOperands& o) {
  switch (pass) {
    case Pass::Forward:
      return {o.y, p.y.span_bytes()};
    case Pass::Input:
      return {o.x, p.x.span_bytes()};
    default:
      return {o.weight, p.weight.span_bytes()};
  }
}

void expect_apart(Pass pass, const ConvProblem& p, const ConvOperands& o, const void* room,
                  size_t bytes) {
  const std::pair<const void*, size_t> all[] = {
      {o.x, p.x.span_bytes()}, {o.weight, p.weight.span_bytes()}, {o.y, p.y.span_bytes()}};
  const auto [result, result_bytes] = result_of(pass, p, o);
  for (const auto& [memory, size] : all) {
    if (bytes > 0 && overlap(room, bytes, memory, size)) {
      misuse("cuDNN: the workspace of a convolution lies over a tensor");
    }
    if (memory != result && overlap(result, result_bytes, memory, size)) {
      misuse("cuDNN: the result of a convolution lies over what it is computed from");
    }
  }
}

template <typename Result>
cudnnStatus_t find(Pass pass, const HandleUse& use, const ConvProblem& problem,
                   const ConvOperands& operands, int wanted, int* count, Result* results,
                   void* room, size_t bytes) {
  if (is_capturing(use.stream())) {
    misuse("cuDNN: an algorithm is looked for by measuring while the stream records");
  }
  NW_DNN(status_of_operands(problem, operands, use.device()));
  if (bytes > 0) {
    NW_DNN(status_of_bytes(room, bytes, 16, use.device(), "a workspace"));
    expect_apart(pass, problem, operands, room, bytes);
  }
  const auto [result, result_bytes] = result_of(pass, problem, operands);
  enqueue(use.stream(), [room, bytes, to = result, size = result_bytes] {
    scribble(room, bytes);
    scribble(to, size);  // measurements leave something there
  });
  return answer(pass, problem, bytes, wanted, count, results);
}

cudnnStatus_t run(Pass pass, const HandleUse& use, const ConvProblem& problem,
                  const ConvOperands& operands, int number, const void* alpha, const void* beta,
                  void* room, size_t bytes) {
  if (alpha == nullptr || beta == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (number < 0 || number >= count_of_algorithms(pass)) return CUDNN_STATUS_BAD_PARAM;
  const ConvAlgorithm algorithm = algorithm_of(pass, number, problem);
  if (!algorithm.supported) return CUDNN_STATUS_NOT_SUPPORTED;
  NW_DNN(status_of_operands(problem, operands, use.device()));
  if (bytes < algorithm.workspace_bytes) return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  if (algorithm.workspace_bytes > 0) {
    NW_DNN(status_of_bytes(room, bytes, 16, use.device(), "a workspace"));
  }
  expect_apart(pass, problem, operands, room, algorithm.workspace_bytes);
  if (algorithm.refusal != CUDNN_STATUS_SUCCESS) return algorithm.refusal;
  const double times = factor(alpha, problem.x.type);
  const double kept = factor(beta, problem.x.type);
  enqueue(use.stream(), [=] {
    if (algorithm.workspace_bytes > 0) scribble(room, bytes);
    compute(pass, problem, algorithm, operands, times, kept);
  });
  return CUDNN_STATUS_SUCCESS;
}

void* writable(const void* memory) {
  return const_cast<void*>(memory);
}

}  // namespace
}  // namespace nw::simulated::dnn

using namespace nw::simulated;
using namespace nw::simulated::dnn;

extern "C" {

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t weight,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t y, const int wanted,
    int* count, cudnnConvolutionFwdAlgoPerf_t* results) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x, weight, conv, y, __func__));
  return answer(Pass::Forward, problem, SIZE_MAX, wanted, count, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t weight, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx, const int wanted,
    int* count, cudnnConvolutionBwdDataAlgoPerf_t* results) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, dx, weight, conv, dy, __func__));
  return answer(Pass::Input, problem, SIZE_MAX, wanted, count, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dweight,
    const int wanted, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x, dweight, conv, dy, __func__));
  return answer(Pass::Weight, problem, SIZE_MAX, wanted, count, results);
}

cudnnStatus_t cudnnFindConvolutionForwardAlgorithmEx(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnFilterDescriptor_t weight_descriptor, const void* weight,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t y_descriptor, void* y,
    const int wanted, int* count, cudnnConvolutionFwdAlgoPerf_t* results, void* room,
    size_t bytes) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x_descriptor, weight_descriptor, conv, y_descriptor, __func__));
  return find(Pass::Forward, use, problem, {writable(x), writable(weight), y}, wanted, count,
              results, room, bytes);
}

cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithmEx(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t weight_descriptor, const void* weight,
    const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx_descriptor, void* dx,
    const int wanted, int* count, cudnnConvolutionBwdDataAlgoPerf_t* results, void* room,
    size_t bytes) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, dx_descriptor, weight_descriptor, conv, dy_descriptor, __func__));
  return find(Pass::Input, use, problem, {dx, writable(weight), writable(dy)}, wanted, count,
              results, room, bytes);
}

cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithmEx(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dweight_descriptor,
    void* dweight, const int wanted, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* results,
    void* room, size_t bytes) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x_descriptor, dweight_descriptor, conv, dy_descriptor, __func__));
  return find(Pass::Weight, use, problem, {writable(x), dweight, writable(dy)}, wanted, count,
              results, room, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                      const cudnnFilterDescriptor_t weight_descriptor,
                                      const void* weight, const cudnnConvolutionDescriptor_t conv,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* room, size_t bytes,
                                      const void* beta, const cudnnTensorDescriptor_t y_descriptor,
                                      void* y) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x_descriptor, weight_descriptor, conv, y_descriptor, __func__));
  return run(Pass::Forward, use, problem, {writable(x), writable(weight), y}, algorithm, alpha,
             beta, room, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(
    cudnnHandle_t handle, const void* alpha, const cudnnFilterDescriptor_t weight_descriptor,
    const void* weight, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algorithm, void* room,
    size_t bytes, const void* beta, const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, dx_descriptor, weight_descriptor, conv, dy_descriptor, __func__));
  return run(Pass::Input, use, problem, {dx, writable(weight), writable(dy)}, algorithm, alpha,
             beta, room, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(
    cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
    const void* x, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdFilterAlgo_t algorithm, void* room,
    size_t bytes, const void* beta, const cudnnFilterDescriptor_t dweight_descriptor,
    void* dweight) {
  const HandleUse use(handle, __func__);
  ConvProblem problem;
  NW_DNN(gather(problem, x_descriptor, dweight_descriptor, conv, dy_descriptor, __func__));
  return run(Pass::Weight, use, problem, {writable(x), dweight, writable(dy)}, algorithm, alpha,
             beta, room, bytes);
}

}  // extern "C"
