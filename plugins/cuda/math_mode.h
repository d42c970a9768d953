#pragma once

namespace nw::cuda {

/// Which shortcuts NVIDIA's libraries may take; PyTorch's defaults. Read from the environment once:
/// NETWRIGHT_TF32 = 0 or 1 for products and convolutions alike, and NETWRIGHT_CUDNN_BENCHMARK = 1.
/// Algorithms that repeat bit for bit are taken in any case.
struct MathMode {
  bool tf32_matmul = false;  // torch.backends.cuda.matmul.allow_tf32
  bool tf32_conv = true;     // torch.backends.cudnn.allow_tf32
  bool benchmark = false;  // torch.backends.cudnn.benchmark: time the algorithms, take the fastest
};

const MathMode& math_mode();

}  // namespace nw::cuda
