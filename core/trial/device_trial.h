#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/trial/block_case.h"
#include "core/trial/numbers.h"
#include "core/trial/spread.h"

namespace nw::trial {

/// One pass of a case on one device, forward and, once feed() was called, backward.
class Pass {
 public:
  /// Computed on `device` from the same initial weights, whatever it is.
  Pass(const BlockCase& drawn, Device device) : Pass(drawn, device, drawn.dtype, 0) {}
  /// Computed on the CPU in another dtype.
  static Pass in_dtype(const BlockCase& drawn, DType dtype) { return {drawn, kCpu, dtype, 0}; }
  /// Computed on the CPU from numbers that are nudged(): inputs, weights and, when it is fed,
  /// gradients.
  static Pass nudged(const BlockCase& drawn, uint64_t which) {
    return {drawn, kCpu, drawn.dtype, which};
  }

  /// Why the block refused; empty: it did not.
  const std::string& error() const { return error_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }
  /// Whether forward drew random numbers, but for first weights.
  bool drew() const { return drew_; }
  /// Backward from all outputs at once; gradients lie on the CPU, one for each output.
  void feed(const std::vector<Tensor>& gradients);

  /// Outputs, inputs that were written, gradients, parameters and buffers as they are now.
  Numbers numbers() const;

 private:
  /// `nudge` 0: not nudged.
  Pass(const BlockCase& drawn, Device device, DType dtype, uint64_t nudge);
  void forward(const BlockCase& drawn, DType dtype);

  Device device_;
  uint64_t nudge_;
  std::string error_;
  bool drew_ = false;
  std::shared_ptr<nn::Module> module_;
  Tensors inputs_;
  Tensors fed_;  // of an inplace module
  std::vector<Tensor> outputs_;
};

/// What a device made of a case beside the CPU.
struct DeviceVerdict {
  std::string problem = {};  // the first difference in words; empty: none
  bool accepted = false;     // by both
  bool backward = false;     // gradients were compared, too
};

/// Runs the case on the CPU and on `device`, twice: the second time must give the same bits as the
/// first, and these the CPU's numbers within what rounding explains. Where the device draws other
/// random numbers than the CPU, numbers that depend on them are only compared with themselves.
DeviceVerdict compare_device(Draw& draw, const BlockCase& drawn, Device device);

/// The same for the CPU: with all its threads, with one, and with all again, which must give the
/// same bits.
DeviceVerdict compare_threads(Draw& draw, const BlockCase& drawn);

/// Whether the same seed draws the same numbers on a device as on the CPU.
bool draws_alike(Device device);

/// Where two passes differ by a bit; empty: nowhere.
std::string bit_difference(const Numbers& a, const Numbers& b);
/// Where they differ by more than the rounding of sums, or than the spread of the case explains.
std::string difference(const Numbers& ours, const Numbers& cpu, const Spread& spread);

}  // namespace nw::trial
