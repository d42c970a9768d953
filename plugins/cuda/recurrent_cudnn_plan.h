#pragma once

#include "plugins/cuda/cudnn_handle.h"
#include "plugins/cuda/recurrent_cudnn_shape.h"

namespace nw::cuda {

/// Tells cuDNN of a stack that goes by an algorithm.
cudnnStatus_t describe_stack(cudnnRNNDescriptor_t rnn, const RecurrentShape& shape,
                             RecurrentAlgorithm algorithm, cudnnDropoutDescriptor_t dropout);
/// Tells cuDNN of sequences of these lengths, each step of which is `width` numbers.
cudnnStatus_t describe_sequences(cudnnRNNDataDescriptor_t data, const RecurrentShape& shape,
                                 const std::vector<int>& lengths, int width);

/// What cuDNN is told of a shape, and what it says of one algorithm after the other. Belongs to one
/// thread, as cuDNN's handles do.
class RecurrentPlan {
 public:
  RecurrentPlan(const RecurrentShape& shape, const RecurrentHardware& hardware);

  /// For sequences of these lengths.
  void set_lengths(const std::vector<int>& lengths);
  /// Calls attempt() with an algorithm that is set, until one is there. False: none is.
  template <typename Attempt>
  bool run(const Attempt& attempt) {
    for (; next_ < algorithms_.size(); ++next_) {
      cudnnStatus_t status = prepare();
      if (status == CUDNN_STATUS_SUCCESS) status = attempt();
      if (is_not_supported(status)) {
        is_set_ = false;
        continue;
      }
      check_cudnn(status, "run recurrent layers");
      return true;
    }
    return false;
  }

  cudnnRNNDescriptor_t rnn() const { return rnn_.get(); }
  cudnnRNNDataDescriptor_t x() const { return x_.get(); }
  cudnnRNNDataDescriptor_t y() const { return y_.get(); }
  cudnnTensorDescriptor_t h() const { return h_.get(); }
  cudnnTensorDescriptor_t c() const { return c_.get(); }
  const std::vector<WeightPiece>& pieces() const { return pieces_; }
  /// Bytes that cuDNN wants of each kind, for the algorithm and the lengths that are set.
  size_t weight_bytes() const { return weight_bytes_; }
  size_t work_bytes() const { return work_bytes_; }
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  cudnnStatus_t prepare();
  cudnnStatus_t set_algorithm();
  void find_weights();

  using TensorDescriptor = CudnnDescriptor<cudnnTensorDescriptor_t>;
  static TensorDescriptor tensor() {
    return {NW_CUDNN(cudnnCreateTensorDescriptor), NW_CUDNN(cudnnDestroyTensorDescriptor)};
  }

  RecurrentShape shape_;
  std::vector<RecurrentAlgorithm> algorithms_;
  size_t next_ = 0;
  bool is_set_ = false;       // the algorithm
  bool is_measured_ = false;  // it, for the lengths that are set
  CudnnDescriptor<cudnnDropoutDescriptor_t> dropout_{NW_CUDNN(cudnnCreateDropoutDescriptor),
                                                     NW_CUDNN(cudnnDestroyDropoutDescriptor)};
  CudnnDescriptor<cudnnRNNDescriptor_t> rnn_{NW_CUDNN(cudnnCreateRNNDescriptor),
                                             NW_CUDNN(cudnnDestroyRNNDescriptor)};
  CudnnDescriptor<cudnnRNNDataDescriptor_t> x_{NW_CUDNN(cudnnCreateRNNDataDescriptor),
                                               NW_CUDNN(cudnnDestroyRNNDataDescriptor)};
  CudnnDescriptor<cudnnRNNDataDescriptor_t> y_{NW_CUDNN(cudnnCreateRNNDataDescriptor),
                                               NW_CUDNN(cudnnDestroyRNNDataDescriptor)};
  TensorDescriptor h_ = tensor();
  TensorDescriptor c_ = tensor();
  std::vector<WeightPiece> pieces_;
  size_t weight_bytes_ = 0;
  size_t work_bytes_ = 0;
  size_t kept_bytes_ = 0;
};

}  // namespace nw::cuda
