#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

class Generator;
struct ActivationKernels;
struct AttentionKernels;
struct ChainKernels;
struct IndexKernels;
struct LossKernels;
struct NormKernels;
struct OptimizerKernels;
struct RecurrentKernels;
struct ResampleKernels;

/// Geometry of convolution and pooling windows, one entry for each spatial dimension.
struct Window {
  SmallVector<int64_t, 3> kernel;
  SmallVector<int64_t, 3> stride;
  SmallVector<int64_t, 3> padding;
  SmallVector<int64_t, 3> dilation;
  int64_t groups = 1;
};

/// The primitives of one backend. Every output is allocated by the caller, has the right shape,
/// dtype and device, and does not overlap an input; shapes were checked by core/ops. Inputs may be
/// strided where a line says so, and are dense row-major otherwise. Floating point means float32
/// and float64, and float16 and bfloat16 with results rounded once. "May be null": optional fused
/// kernel over the composition in core/ops.
struct Kernels {
  // --- memory ---
  /// out (any strides, any dtype) = value
  void (*fill)(const Tensor& out, const Scalar& value);
  /// out (any strides) = in (any strides, stride 0 to broadcast, any dtype), same sizes
  void (*copy)(const Tensor& in, const Tensor& out);

  // --- elementwise: inputs of out's sizes (any strides, stride 0 to broadcast), out dense, its
  // dimensions in any order ---
  /// kernel_types.h says what an op takes and gives
  void (*unary)(UnaryOp op, const Tensor& x, const Tensor& out);
  void (*binary)(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out);
  /// out = condition (bool) ? a : b, all of one dtype
  void (*where)(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& out);
  /// out = x · scale + shift, floating point
  void (*affine)(const Tensor& x, double scale, double shift, const Tensor& out);
  /// y += x · scale, both of one size, floating point or complex
  void (*axpy)(const Tensor& x, double scale, const Tensor& y);

  // --- reductions, of one dtype ---
  /// out = Σ x over the dimensions where out's size is 1 and x's is not (x any strides; same rank);
  /// every dtype but bool
  void (*sum)(const Tensor& x, const Tensor& out);
  /// The same for any op; Max and Min are of real and whole numbers and bool.
  void (*reduce)(ReduceOp op, const Tensor& x, const Tensor& out);
  /// x (rows, columns) -> values (rows) or undefined, and indices (rows), int64: of the first of
  /// the largest or smallest; NaN counts as more extreme than any other
  void (*extreme)(ReduceOp op, const Tensor& x, const Tensor& values, const Tensor& indices);
  /// x (outer, size, inner) -> out of the same sizes: running sums or products along the middle;
  /// every dtype but bool
  void (*scan)(ReduceOp op, const Tensor& x, const Tensor& out);

  // --- matrices ---
  /// out (M, N) = a (M, K) · b (K, N); a and b have a stride of 1; every dtype but bool
  void (*matmul)(const Tensor& a, const Tensor& b, const Tensor& out);
  /// out (B, M, N) = a (B, M, K) · b (B, K, N) for each of the B; matrices as in matmul, strides
  /// between them as they please
  void (*bmm)(const Tensor& a, const Tensor& b, const Tensor& out);
  /// y (M, out) = x (M, in) · weightᵀ (out, in) + bias (out) or undefined
  void (*linear)(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y);

  // --- windows: x (N, C, spatial…), one to three spatial dimensions; all of a call's tensors with
  // channels are dense row-major, or all are channels-last ---
  /// weight (out, C/groups, kernel…), bias (out) or undefined -> y (N, out, …)
  void (*conv)(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window,
               const Tensor& y);
  void (*conv_grad_input)(const Tensor& grad, const Tensor& weight, const Window& window,
                          const Tensor& grad_x);
  /// grad_bias may be undefined
  void (*conv_grad_weight)(const Tensor& grad, const Tensor& x, const Window& window,
                           const Tensor& grad_weight, const Tensor& grad_bias);
  /// indices int64, flat within each plane: of NaN, else of the first among the largest; −1 (and y
  /// −∞) where a dilated window has no point inside. Undefined: not wanted
  void (*max_pool)(const Tensor& x, const Window& window, const Tensor& y, const Tensor& indices);
  void (*max_pool_grad)(const Tensor& grad, const Tensor& indices, const Tensor& grad_x);
  void (*avg_pool)(const Tensor& x, const Window& window, const AvgPoolMode& mode, const Tensor& y);
  void (*avg_pool_grad)(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                        const Tensor& grad_x);

  // --- softmax over the middle of (outer, size, inner) ---
  void (*softmax)(const Tensor& x, bool logarithm, const Tensor& y);
  void (*softmax_grad)(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x);

  // --- losses ---
  /// log_probs (rows, C, inner), target int64 (rows, inner), weight (C) or undefined ->
  /// out (rows, inner) = −w[t]·log_probs[t], 0 where t == ignore_index; weights_out (rows, inner)
  /// the w[t]. Throws Error for a target outside 0 … C−1.
  void (*nll)(const Tensor& log_probs, const Tensor& target, const Tensor& weight,
              int64_t ignore_index, const Tensor& out, const Tensor& weights_out);
  /// grad (rows, inner) -> grad_log_probs, written whole
  void (*nll_grad)(const Tensor& grad, const Tensor& target, const Tensor& weight,
                   int64_t ignore_index, const Tensor& grad_log_probs);
  /// May be null. Mean cross entropy of logits (rows, C) and target int64 (rows), no weights: loss
  /// (scalar) and grad_logits = d loss / d logits in one pass.
  void (*cross_entropy)(const Tensor& logits, const Tensor& target, int64_t ignore_index,
                        const Tensor& loss, const Tensor& grad_logits);

  // --- sequences ---
  /// out (n) = start, start + step, …; every dtype but bool
  void (*arange)(const Scalar& start, const Scalar& step, const Tensor& out);
  /// out (n) = n numbers at equal distances, the first and the last as given
  void (*linspace)(const Scalar& first, const Scalar& last, const Tensor& out);

  // --- random, torch's streams in row-major order ---
  /// out = U[from, to)
  void (*uniform)(Generator& generator, double from, double to, const Tensor& out);
  /// out (any dtype) = 1 with probability p, else 0
  void (*bernoulli)(Generator& generator, double p, const Tensor& out);
  /// out (any dtype) = 1 with the probability that stands in its place, else 0
  void (*bernoulli_each)(Generator& generator, const Tensor& p, const Tensor& out);
  /// out = N(mean, std²)
  void (*normal)(Generator& generator, double mean, double std, const Tensor& out);
  /// out (any dtype) = a whole number from low … high − 1
  void (*randint)(Generator& generator, int64_t low, int64_t high, const Tensor& out);

  // --- families with a header of their own (core/backend/*_kernels.h) ---
  const ActivationKernels* activation = nullptr;
  const IndexKernels* index = nullptr;
  const NormKernels* norm = nullptr;
  const RecurrentKernels* recurrent = nullptr;
  const ResampleKernels* resample = nullptr;
  const LossKernels* loss = nullptr;
  const AttentionKernels* attention = nullptr;  // optional
  const OptimizerKernels* optimizer = nullptr;
  const ChainKernels* chain = nullptr;  // optional
};

/// What a device is. Compute capability 0.0: not a GPU. A figure of 0 is not known.
struct DeviceFacts {
  std::string name;  // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;
  double bytes_per_second = 0;  // from and to its memory, at most
  // Floating-point operations per second, at most, by what is multiplied.
  double float64_flops = 0, float32_flops = 0, tf32_flops = 0, half_flops = 0;
};

/// Bytes of one device.
struct MemoryUse {
  uint64_t total = 0, free = 0;  // of the device, whatever program uses it
  uint64_t allocated = 0;        // in use by tensors of this program
  uint64_t reserved = 0;         // these, and what is kept for reuse
  uint64_t peak = 0;             // the most that was allocated since the start or reset_peak()
};

/// A moment in the work that one thread has queued on a device.
class Event {
 public:
  virtual ~Event() = default;
  /// Whether the device has come to it.
  virtual bool done() const = 0;
  /// Waits for it on the host; an asynchronous error is thrown here.
  virtual void wait() = 0;
  /// Lets all that the calling thread queues from now on come after it.
  virtual void follow() = 0;
};

/// Work that was recorded instead of done. The memory that it uses keeps its place as long as this
/// lives.
class Captured {
 public:
  virtual ~Captured() = default;
  /// Queues it as one piece. Its random numbers go on from `generator`, as if its kernels had been
  /// called one by one.
  virtual void replay(Generator& generator) = 0;
};

/// While it lives, what its thread queues for a device is done beside the device's other work, not
/// after it (Event::follow makes an order). Memory that is allocated meanwhile is not to be used
/// outside.
class Aside {
 public:
  virtual ~Aside() = default;
};

/// A block of bytes that goes from one memory to another, of which one at least is the backend's.
struct Transfer {
  const void* from;
  Device from_device;
  void* to;
  Device to_device;
  size_t bytes;
};

/// One kind of device: its memory, its streams, its table of kernels. Lives as long as the program.
/// Work is queued in order for each thread; a method that gives numbers to the host waits for them.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// How many devices there are; with none, missing() says why and what to do.
  virtual int device_count() const = 0;
  virtual std::string missing() const = 0;
  virtual DeviceFacts facts(Device device) const = 0;

  virtual Allocator& allocator(Device device) = 0;
  /// Memory of the host from which transfers to the devices need not wait.
  virtual Allocator& host_allocator() = 0;
  virtual MemoryUse memory(Device device) const = 0;
  virtual void reset_peak(Device device) = 0;
  /// Gives back to the system what is kept for reuse.
  virtual void empty_cache(Device device) = 0;

  virtual const Kernels& kernels() const = 0;
  /// Copies bytes after what was queued before. `from` may be freed at once. What host_allocator()
  /// gave is read and written some time before a mark() made now; other memory is when this
  /// returns.
  virtual void transfer(const Transfer& transfer) = 0;
  virtual std::unique_ptr<Event> mark(Device device) = 0;
  virtual std::unique_ptr<Aside> aside(Device device) = 0;
  /// Whether capture() is there.
  virtual bool can_capture() const = 0;
  /// Calls `work` and records what it queues on `device` instead of doing it. `after`: a recording
  /// whose memory it may use where that is free by then; it is only replayed behind that one; null:
  /// none. Throws Error where
  /// `work` throws, and where it wants what cannot be recorded: numbers on the host or from there,
  /// a kernel that is computed on the CPU, random numbers of the host.
  virtual std::unique_ptr<Captured> capture(Device device, Generator& generator,
                                            const Captured* after,
                                            const std::function<void()>& work) = 0;
  /// Waits for everything queued on `device`; an asynchronous error is thrown here, with the name
  /// of the op where that is known.
  virtual void synchronize(Device device) = 0;
};

/// The backend of a device type. Throws Error with a remedy when none is there (no CUDA plugin).
Backend& backend_of(Device device);
/// The same, null when none is there.
Backend* find_backend(DeviceType type);
const Kernels& kernels_of(const Tensor& tensor);
/// Adds a backend found at run time. A second one for the same type is an InternalError.
void register_backend(DeviceType type, Backend& backend);

}  // namespace nw
