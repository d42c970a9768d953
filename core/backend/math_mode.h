#pragma once

namespace nw {

/// Which shortcuts a backend may take; the defaults are PyTorch's. Algorithms that repeat bit for
/// bit are taken in any case. TF32: float32 numbers are rounded to 10 bits of mantissa before they
/// are multiplied.
struct MathMode {
  bool matmul_tf32 = false;  // torch.backends.cuda.matmul.allow_tf32
  bool conv_tf32 = true;     // torch.backends.cudnn.allow_tf32
  bool benchmark = false;  // torch.backends.cudnn.benchmark: time the algorithms, take the fastest
  friend bool operator==(const MathMode&, const MathMode&) = default;
};

/// That of the program. It begins with the environment's: NETWRIGHT_TF32 = 0 or 1 for products and
/// convolutions alike, and NETWRIGHT_CUDNN_BENCHMARK = 1. Any thread.
MathMode math_mode();
void set_math_mode(const MathMode& mode);

/// Products may use TF32 while it lives, if that is allowed; else it changes nothing.
class AllowTf32 {
 public:
  explicit AllowTf32(bool allowed);
  ~AllowTf32();
  AllowTf32(const AllowTf32&) = delete;
  AllowTf32& operator=(const AllowTf32&) = delete;

 private:
  MathMode before_;
};

}  // namespace nw
