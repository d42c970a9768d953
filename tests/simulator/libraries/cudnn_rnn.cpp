#include "tests/simulator/libraries/cudnn_rnn.h"

#include <algorithm>
#include <cstring>

// cuDNN's recurrent nets (the functions of version 8 and later) for the simulated GPU.

namespace nw::simulated::dnn {
namespace {

bool is_persistent(const cudnnRNNStruct& rnn) {
  return rnn.algorithm != CUDNN_RNN_ALGO_STANDARD;
}

/// What the persistent kernels leave out.
cudnnStatus_t status_of_algorithm(const cudnnRNNStruct& rnn) {
  switch (rnn.algorithm) {
    case CUDNN_RNN_ALGO_STANDARD:
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_RNN_ALGO_PERSIST_STATIC:
    case CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H: {
      const bool offered = rnn.bias == CUDNN_RNN_DOUBLE_BIAS && rnn.projected == rnn.hidden &&
                           rnn.type != Number::Float64;
      return offered ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    }
    default:
      return CUDNN_STATUS_NOT_SUPPORTED;
  }
}

bool are_enums_known(cudnnRNNAlgo_t algorithm, cudnnRNNMode_t mode, cudnnRNNBiasMode_t bias,
                     cudnnDirectionMode_t direction, cudnnRNNInputMode_t input) {
  return algorithm >= 0 && algorithm < CUDNN_RNN_ALGO_COUNT && mode >= CUDNN_RNN_RELU &&
         mode <= CUDNN_GRU && bias >= CUDNN_RNN_NO_BIAS && bias <= CUDNN_RNN_SINGLE_REC_BIAS &&
         (direction == CUDNN_UNIDIRECTIONAL || direction == CUDNN_BIDIRECTIONAL) &&
         (input == CUDNN_LINEAR_INPUT || input == CUDNN_SKIP_INPUT);
}

bool is_uniform(const cudnnRNNDataStruct& data) {
  return std::all_of(data.lengths.begin(), data.lengths.end(),
                     [&](int length) { return length == data.steps; });
}

bool never_grows(const std::vector<int>& lengths) {
  return std::is_sorted(lengths.rbegin(), lengths.rend());
}

cudnnStatus_t status_of_data(const cudnnRNNStruct& rnn, const cudnnRNNDataStruct& data, int width) {
  const bool fits = rnn.is_set && data.is_set && data.type == rnn.type && data.width == width;
  if (!fits) return CUDNN_STATUS_BAD_PARAM;
  const bool packed = data.layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
  if (packed && rnn.padded) return CUDNN_STATUS_NOT_SUPPORTED_LAYOUT;
  if (!packed && !rnn.padded && !is_uniform(data)) return CUDNN_STATUS_BAD_PARAM;
  if (!rnn.padded && !never_grows(data.lengths)) return CUDNN_STATUS_BAD_PARAM;
  if (is_persistent(rnn) && !is_uniform(data)) return CUDNN_STATUS_NOT_SUPPORTED;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t status_of_size(const cudnnRNNStruct& rnn, bool trains) {
  const bool small = rnn.mode == CUDNN_LSTM || rnn.mode == CUDNN_GRU;
  switch (rnn.algorithm) {
    case CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H: {
      const int most = trains ? (small ? 128 : 256) : (small ? 192 : 384);
      return rnn.hidden <= most ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    }
    case CUDNN_RNN_ALGO_PERSIST_STATIC: {
      const bool offered = is_half(rnn.type) && rnn.layers == 1 && !rnn.both_ways &&
                           rnn.hidden <= 1024 && rnn.hidden % 128 == 0 && rnn.input % 128 == 0;
      return offered ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    }
    default:
      return CUDNN_STATUS_SUCCESS;
  }
}

cudnnStatus_t status_of_pair(const cudnnRNNStruct& rnn, const cudnnRNNDataStruct& x,
                             const cudnnRNNDataStruct& y) {
  NW_DNN(status_of_data(rnn, x, rnn.input));
  NW_DNN(status_of_data(rnn, y, rnn.projected * (rnn.both_ways ? 2 : 1)));
  const bool same =
      x.layout == y.layout && x.steps == y.steps && x.batch == y.batch && x.lengths == y.lengths;
  return same ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
}

/// hDesc or cDesc: dense, cells × batch × width.
cudnnStatus_t status_of_state(const Net& net, const Shape& state, int batch, int width) {
  const int64_t row = width;
  const bool fits = state.rank == 3 && state.type == net.rnn.type &&
                    state.sizes[0] == net.cells() && state.sizes[1] == batch &&
                    state.sizes[2] == width && state.strides[2] == 1 && state.strides[1] == row &&
                    state.strides[0] == row * batch;
  return fits ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
}

struct States {
  cudnnTensorDescriptor_t descriptor;
  int width;
  std::vector<const void*> memory;  // each may be null
};

cudnnStatus_t status_of_states(const Net& net, const States& states, int batch, int device) {
  const bool given = std::any_of(states.memory.begin(), states.memory.end(),
                                 [](const void* one) { return one != nullptr; });
  if (!given) return CUDNN_STATUS_SUCCESS;
  if (states.descriptor == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  expect_alive(states.descriptor, "a recurrent net's state");
  NW_DNN(status_of_state(net, states.descriptor->shape, batch, states.width));
  for (const void* one : states.memory) {
    if (one != nullptr) NW_DNN(status_of(one, states.descriptor->shape, device, "a state"));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t status_of_numbers(const cudnnRNNDataStruct& data, const void* memory, int device,
                                const char* name) {
  const auto bytes = static_cast<size_t>(numbers_of(data)) * bytes_of(data.type);
  return status_of_bytes(memory, bytes, bytes_of(data.type), device, name);
}

size_t workspace_bytes(const Net& net, const cudnnRNNDataStruct& x) {
  return static_cast<size_t>(4 * net.rnn.hidden * x.batch * net.cells()) * 8 + 256;
}

struct Rooms {
  size_t weight_bytes, work_bytes, reserve_bytes;
  const void* weights;
  void *work, *reserve;
};

cudnnStatus_t status_of_rooms(const Net& net, const cudnnRNNDataStruct& x, const Rooms& rooms,
                              bool trains, int device) {
  const size_t reserve = trains ? reserve_bytes(net, x) : 0;
  if (rooms.weight_bytes < weight_bytes(net) || rooms.work_bytes < workspace_bytes(net, x) ||
      rooms.reserve_bytes < reserve) {
    return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  }
  NW_DNN(status_of_bytes(rooms.weights, weight_bytes(net), 16, device, "a weight space"));
  NW_DNN(status_of_bytes(rooms.work, workspace_bytes(net, x), 16, device, "a workspace"));
  if (overlap(rooms.work, rooms.work_bytes, rooms.reserve, rooms.reserve_bytes)) {
    misuse("cuDNN: the workspace of a recurrent net lies over its reserve space");
  }
  return trains ? status_of_bytes(rooms.reserve, reserve, 16, device, "a reserve space")
                : CUDNN_STATUS_SUCCESS;
}

template <typename Call>
void queue(const HandleUse& use, const Call& call, void* work) {
  enqueue(use.stream(), [call, work] {
    scribble(work, workspace_bytes(call.net, call.x));
    run(call);
  });
}

/// The descriptors of a call live and fit; lengths in device memory are a thing of the past.
cudnnStatus_t begin(cudnnRNNDescriptor_t rnn, const int32_t* lengths, cudnnRNNDataDescriptor_t x,
                    cudnnRNNDataDescriptor_t y, const char* call) {
  if (rnn == nullptr || x == nullptr || y == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  expect_alive(rnn, call);
  expect_alive(x, call);
  expect_alive(y, call);
  if (lengths != nullptr) return CUDNN_STATUS_BAD_PARAM;
  return status_of_pair(*rnn, *x, *y);
}

void set_matrix(cudnnTensorDescriptor_t descriptor, Number type, int rows, int columns) {
  Shape shape;
  shape.type = type;
  shape.rank = 3;
  shape.sizes[0] = 1;
  shape.sizes[1] = rows;
  shape.sizes[2] = columns;
  shape.strides[0] = int64_t{rows} * columns;
  shape.strides[1] = columns;
  shape.strides[2] = 1;
  descriptor->shape = shape;
}

}  // namespace
}  // namespace nw::simulated::dnn

using namespace nw::simulated;
using namespace nw::simulated::dnn;

extern "C" {

cudnnStatus_t cudnnAdvVersionCheck() {
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t descriptor) {
  return destroy(descriptor, __func__);
}
cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t descriptor) {
  return destroy(descriptor, __func__);
}

cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t descriptor, cudnnRNNAlgo_t algorithm,
                                       cudnnRNNMode_t mode, cudnnRNNBiasMode_t bias,
                                       cudnnDirectionMode_t direction,
                                       cudnnRNNInputMode_t input_mode, cudnnDataType_t type,
                                       cudnnDataType_t precision, cudnnMathType_t math,
                                       int32_t input, int32_t hidden, int32_t projected,
                                       int32_t layers, cudnnDropoutDescriptor_t dropout,
                                       uint32_t flags) {
  expect_alive(descriptor, __func__);
  cudnnRNNStruct made;
  if (!are_enums_known(algorithm, mode, bias, direction, input_mode) || input < 1 || hidden < 1 ||
      projected < 1 || projected > hidden || layers < 1 || flags > CUDNN_RNN_PADDED_IO_ENABLED) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  if (!set_type(type, made.type) || input_mode != CUDNN_LINEAR_INPUT) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  const bool wide = type == CUDNN_DATA_DOUBLE;
  if (precision != (wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (projected < hidden && mode != CUDNN_LSTM) return CUDNN_STATUS_NOT_SUPPORTED;
  if (dropout != nullptr) {
    expect_alive(dropout, __func__);
    if (!dropout->is_set) return CUDNN_STATUS_BAD_PARAM;
  }
  made.algorithm = algorithm;
  made.mode = mode;
  made.bias = bias;
  made.both_ways = direction == CUDNN_BIDIRECTIONAL;
  made.tf32 = type == CUDNN_DATA_FLOAT && math != CUDNN_FMA_MATH;
  made.input = input;
  made.hidden = hidden;
  made.projected = projected;
  made.layers = layers;
  made.padded = (flags & CUDNN_RNN_PADDED_IO_ENABLED) != 0;
  made.is_set = true;
  NW_DNN(status_of_algorithm(made));
  *descriptor = made;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t descriptor, cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int steps, int batch,
                                        int width, const int* lengths, void* filling) {
  expect_alive(descriptor, __func__);
  cudnnRNNDataStruct made;
  if (!set_type(type, made.type)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (steps < 1 || batch < 1 || width < 1 || lengths == nullptr) return CUDNN_STATUS_BAD_PARAM;
  if (layout < CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED ||
      layout > CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  made.layout = layout;
  made.steps = steps;
  made.batch = batch;
  made.width = width;
  made.lengths.assign(lengths, lengths + batch);
  for (const int length : made.lengths) {
    if (length < 1 || length > steps) return CUDNN_STATUS_BAD_PARAM;
  }
  const bool packed = layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
  if (packed && !never_grows(made.lengths)) return CUDNN_STATUS_BAD_PARAM;
  made.fills = filling != nullptr;
  if (made.fills) made.filling = number_at<double>(made.type, filling, 0);
  made.is_set = true;
  *descriptor = made;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
                                         size_t* bytes) {
  const HandleUse use(handle, __func__);
  expect_alive(rnn, __func__);
  if (!rnn->is_set || bytes == nullptr) return CUDNN_STATUS_BAD_PARAM;
  *bytes = weight_bytes(Net{*rnn});
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, int32_t cell,
                                      size_t bytes, const void* weights, int32_t number,
                                      cudnnTensorDescriptor_t matrix, void** matrix_address,
                                      cudnnTensorDescriptor_t bias, void** bias_address) {
  const HandleUse use(handle, __func__);
  expect_alive(rnn, __func__);
  expect_alive(matrix, __func__);
  expect_alive(bias, __func__);
  const Net net{*rnn};
  const bool known = rnn->is_set && cell >= 0 && cell < net.cells() && number >= 0 &&
                     (number < 2 * net.gates() || (number == 8 && rnn->mode == CUDNN_LSTM));
  if (!known || matrix_address == nullptr || bias_address == nullptr) return CUDNN_STATUS_BAD_PARAM;
  if (bytes < weight_bytes(net)) return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  *matrix_address = *bias_address = nullptr;
  matrix->shape = bias->shape = {};
  for (const Parameter& one : parameters_of(net)) {
    if (one.cell != cell || one.number != number) continue;
    const uintptr_t address = reinterpret_cast<uintptr_t>(weights) + one.offset_bytes;
    *(one.is_bias ? bias_address : matrix_address) = reinterpret_cast<void*>(address);
    set_matrix(one.is_bias ? bias : matrix, rnn->type, one.rows, one.columns);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
                                        cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t x,
                                        size_t* work_bytes, size_t* kept_bytes) {
  const HandleUse use(handle, __func__);
  expect_alive(rnn, __func__);
  expect_alive(x, __func__);
  NW_DNN(status_of_data(*rnn, *x, rnn->input));
  const bool trains = mode == CUDNN_FWD_MODE_TRAINING;
  NW_DNN(status_of_size(*rnn, trains));
  const Net net{*rnn};
  if (work_bytes != nullptr) *work_bytes = workspace_bytes(net, *x);
  if (kept_bytes != nullptr) *kept_bytes = trains ? reserve_bytes(net, *x) : 0;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
                              cudnnForwardMode_t mode, const int32_t* lengths,
                              cudnnRNNDataDescriptor_t x_descriptor, const void* x,
                              cudnnRNNDataDescriptor_t y_descriptor, void* y,
                              cudnnTensorDescriptor_t h, const void* hx, void* hy,
                              cudnnTensorDescriptor_t c, const void* cx, void* cy,
                              size_t weight_bytes_given, const void* weights, size_t work_bytes,
                              void* work, size_t kept_bytes, void* reserve) {
  const HandleUse use(handle, __func__);
  NW_DNN(begin(rnn, lengths, x_descriptor, y_descriptor, __func__));
  const bool trains = mode == CUDNN_FWD_MODE_TRAINING;
  NW_DNN(status_of_size(*rnn, trains));
  const Net net{*rnn};
  const int device = use.device();
  const int batch = x_descriptor->batch;
  NW_DNN(status_of_numbers(*x_descriptor, x, device, "x of a recurrent net"));
  NW_DNN(status_of_numbers(*y_descriptor, y, device, "y of a recurrent net"));
  NW_DNN(status_of_states(net, {h, net.width(), {hx, hy}}, batch, device));
  const bool lstm = rnn->mode == CUDNN_LSTM;
  if (lstm) NW_DNN(status_of_states(net, {c, rnn->hidden, {cx, cy}}, batch, device));
  const Rooms rooms{weight_bytes_given, work_bytes, kept_bytes, weights, work, reserve};
  NW_DNN(status_of_rooms(net, *x_descriptor, rooms, trains, device));
  const RnnForward call{net,
                        *x_descriptor,
                        *y_descriptor,
                        x,
                        y,
                        hx,
                        lstm ? cx : nullptr,
                        hy,
                        lstm ? cy : nullptr,
                        weights,
                        trains ? reserve : nullptr};
  queue(use, call, work);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
                                      const int32_t* lengths, cudnnRNNDataDescriptor_t y_descriptor,
                                      const void* y, const void* dy,
                                      cudnnRNNDataDescriptor_t x_descriptor, void* dx,
                                      cudnnTensorDescriptor_t h, const void* hx, const void* dhy,
                                      void* dhx, cudnnTensorDescriptor_t c, const void* cx,
                                      const void* dcy, void* dcx, size_t weight_bytes_given,
                                      const void* weights, size_t work_bytes, void* work,
                                      size_t kept_bytes, void* reserve) {
  const HandleUse use(handle, __func__);
  NW_DNN(begin(rnn, lengths, x_descriptor, y_descriptor, __func__));
  NW_DNN(status_of_size(*rnn, true));
  const Net net{*rnn};
  const int device = use.device();
  const int batch = x_descriptor->batch;
  NW_DNN(status_of_numbers(*y_descriptor, y, device, "y of a recurrent net"));
  NW_DNN(status_of_numbers(*y_descriptor, dy, device, "dy of a recurrent net"));
  NW_DNN(status_of_numbers(*x_descriptor, dx, device, "dx of a recurrent net"));
  NW_DNN(status_of_states(net, {h, net.width(), {hx, dhy, dhx}}, batch, device));
  const bool lstm = rnn->mode == CUDNN_LSTM;
  if (lstm) NW_DNN(status_of_states(net, {c, rnn->hidden, {cx, dcy, dcx}}, batch, device));
  const Rooms rooms{weight_bytes_given, work_bytes, kept_bytes, weights, work, reserve};
  NW_DNN(status_of_rooms(net, *x_descriptor, rooms, true, device));
  const RnnBackwardData call{net,
                             *x_descriptor,
                             *y_descriptor,
                             dy,
                             dx,
                             hx,
                             lstm ? cx : nullptr,
                             dhy,
                             lstm ? dcy : nullptr,
                             dhx,
                             lstm ? dcx : nullptr,
                             weights,
                             reserve};
  queue(use, call, work);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardWeights_v8(
    cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnWgradMode_t mode, const int32_t* lengths,
    cudnnRNNDataDescriptor_t x_descriptor, const void* x, cudnnTensorDescriptor_t h, const void* hx,
    cudnnRNNDataDescriptor_t y_descriptor, const void* y, size_t weight_bytes_given,
    void* gradients, size_t work_bytes, void* work, size_t kept_bytes, void* reserve) {
  const HandleUse use(handle, __func__);
  NW_DNN(begin(rnn, lengths, x_descriptor, y_descriptor, __func__));
  NW_DNN(status_of_size(*rnn, true));
  // What is written is added to: this is all that cuDNN offers.
  if (mode != CUDNN_WGRAD_MODE_ADD) return CUDNN_STATUS_NOT_SUPPORTED;
  const Net net{*rnn};
  const int device = use.device();
  NW_DNN(status_of_numbers(*x_descriptor, x, device, "x of a recurrent net"));
  NW_DNN(status_of_numbers(*y_descriptor, y, device, "y of a recurrent net"));
  NW_DNN(status_of_states(net, {h, net.width(), {hx}}, x_descriptor->batch, device));
  const Rooms rooms{weight_bytes_given, work_bytes, kept_bytes, gradients, work, reserve};
  NW_DNN(status_of_rooms(net, *x_descriptor, rooms, true, device));
  const RnnBackwardWeights call{net, *x_descriptor, *y_descriptor, x, hx, gradients, reserve};
  queue(use, call, work);
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
