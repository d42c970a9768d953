#include "plugins/cuda/recurrent_cudnn_plan.h"

#include "core/backend/creation.h"

namespace nw::cuda {
namespace {

cudnnRNNMode_t mode_of(RecurrentCell cell) {
  switch (cell) {
    case RecurrentCell::Lstm:
      return CUDNN_LSTM;
    case RecurrentCell::Gru:
      return CUDNN_GRU;
    case RecurrentCell::Relu:
      return CUDNN_RNN_RELU;
    default:
      return CUDNN_RNN_TANH;
  }
}

cudnnRNNAlgo_t named(RecurrentAlgorithm algorithm) {
  switch (algorithm) {
    case RecurrentAlgorithm::HeldSmall:
      return CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H;
    case RecurrentAlgorithm::Held:
      return CUDNN_RNN_ALGO_PERSIST_STATIC;
    default:
      return CUDNN_RNN_ALGO_STANDARD;
  }
}

cudnnMathType_t math_of(const RecurrentShape& shape) {
  if (is_half(shape.dtype)) return CUDNN_TENSOR_OP_MATH;
  return shape.dtype == DType::Float32 && !shape.tf32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

void describe(cudnnTensorDescriptor_t descriptor, DType dtype, int cells, int batch, int width) {
  const int sizes[] = {cells, batch, width};
  const int strides[] = {batch * width, width, 1};
  check_cudnn(
      NW_CUDNN(cudnnSetTensorNdDescriptor)(descriptor, cudnn_type(dtype), 3, sizes, strides),
      "describe a state");
}

}  // namespace

cudnnStatus_t describe_stack(cudnnRNNDescriptor_t rnn, const RecurrentShape& shape,
                             RecurrentAlgorithm algorithm, cudnnDropoutDescriptor_t dropout) {
  const cudnnDataType_t type = cudnn_type(shape.dtype);
  // Always with both biases, if need be of zeros: not every algorithm does without.
  return NW_CUDNN(cudnnSetRNNDescriptor_v8)(
      rnn, named(algorithm), mode_of(shape.cell), CUDNN_RNN_DOUBLE_BIAS,
      shape.bidirectional ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, type,
      type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT, math_of(shape),
      shape.features, shape.hidden, shape.state, shape.layers, dropout,
      shape.packed ? CUDNN_RNN_PADDED_IO_DISABLED : CUDNN_RNN_PADDED_IO_ENABLED);
}

cudnnStatus_t describe_sequences(cudnnRNNDataDescriptor_t data, const RecurrentShape& shape,
                                 const std::vector<int>& lengths, int width) {
  return NW_CUDNN(cudnnSetRNNDataDescriptor)(
      data, cudnn_type(shape.dtype),
      shape.packed ? CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
                   : CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
      shape.steps, shape.batch, width, lengths.data(), nullptr);
}

RecurrentPlan::RecurrentPlan(const RecurrentShape& shape, const RecurrentHardware& hardware)
    : shape_(shape), algorithms_(algorithms_for(shape, hardware)) {
  // Dropout is ours: it goes on where a run is resumed.
  check_cudnn(NW_CUDNN(cudnnSetDropoutDescriptor)(dropout_.get(), cudnn_handle(shape.device), 0,
                                                  nullptr, 0, 0),
              "do without dropout");
  describe(h(), shape.dtype, shape.cells(), shape.batch, shape.state);
  describe(c(), shape.dtype, shape.cells(), shape.batch, shape.hidden);
  if (!shape.packed) set_lengths(std::vector<int>(static_cast<size_t>(shape.batch), shape.steps));
}

void RecurrentPlan::set_lengths(const std::vector<int>& lengths) {
  const int directions = shape_.bidirectional ? 2 : 1;
  check_cudnn(describe_sequences(x(), shape_, lengths, shape_.features), "describe sequences");
  check_cudnn(describe_sequences(y(), shape_, lengths, shape_.state * directions),
              "describe sequences");
  is_measured_ = false;
}

cudnnStatus_t RecurrentPlan::set_algorithm() {
  const cudnnStatus_t status = describe_stack(rnn(), shape_, algorithms_[next_], dropout_.get());
  if (status != CUDNN_STATUS_SUCCESS) return status;
  find_weights();
  is_set_ = true;
  is_measured_ = false;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t RecurrentPlan::prepare() {
  if (!is_set_) {
    const cudnnStatus_t status = set_algorithm();
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  if (is_measured_) return CUDNN_STATUS_SUCCESS;
  const bool learns = shape_.pass != RecurrentPass::Inference;
  const cudnnStatus_t status = NW_CUDNN(cudnnGetRNNTempSpaceSizes)(
      cudnn_handle(shape_.device), rnn(),
      learns ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, x(), &work_bytes_,
      learns ? &kept_bytes_ : nullptr);
  is_measured_ = status == CUDNN_STATUS_SUCCESS;
  return status;
}

void RecurrentPlan::find_weights() {
  cudnnHandle_t handle = cudnn_handle(shape_.device);
  check_cudnn(NW_CUDNN(cudnnGetRNNWeightSpaceSize)(handle, rnn(), &weight_bytes_),
              "measure the weights");
  const Tensor space =
      empty({static_cast<int64_t>(weight_bytes_)}, DType::UInt8, {DeviceType::Cuda, shape_.device});
  const auto item = static_cast<int64_t>(item_bytes(shape_.dtype));
  const auto number = [&](const void* address) {
    const int64_t bytes = static_cast<const char*>(address) - static_cast<char*>(space.raw());
    return address == nullptr ? -1 : bytes / item;
  };
  const TensorDescriptor sizes = tensor();
  const TensorDescriptor bias_sizes = tensor();
  pieces_ = pieces_of(shape_, [&](int cell, int id) -> WeightPlace {
    void* matrix = nullptr;
    void* bias = nullptr;
    check_cudnn(
        NW_CUDNN(cudnnGetRNNWeightParams)(handle, rnn(), cell, weight_bytes_, space.raw(), id,
                                          sizes.get(), &matrix, bias_sizes.get(), &bias),
        "find a weight");
    return {number(matrix), number(bias)};
  });
}

}  // namespace nw::cuda
