#include "core/backend/chain_plan.h"
#include "plugins/cuda/kernels/activation_formulas.h"
#include "plugins/cuda/kernels/elementwise_formulas.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

// Chains of elementwise ops: one kernel that reads the steps as a program, a few elements a thread
// at a time. All threads take the same branches. The values of a chain stay in registers: a number
// of a value that is known at run time only picks one by comparing.

#ifdef __CUDACC__
#define NW_UNROLLED _Pragma("unroll")
#define NW_ROLLED _Pragma("unroll 1")
#define NW_CALLED __noinline__
#else
#define NW_UNROLLED
#define NW_ROLLED
#define NW_CALLED
#endif

namespace nw::cuda {
namespace {

/// Chains of so few values have a kernel that holds no more.
constexpr int kFewValues = 4;

template <typename F>
struct Step {
  ElementKind kind;
  ActivationKind activation;
  int a, b;
  F numbers[3];  // of the activation
  F slope[3];
};

/// A chain as kernels take it, and where its values and their gradients lie in memory.
template <typename T, int kMost>
struct Program {
  using F = Wide<T>;

  int inputs = 0;
  int count = 0;  // of steps
  Step<F> steps[Chain::kMostSteps];
  ChainSet known = 0;    // read from memory
  ChainSet made = 0;     // worked out
  ChainSet written = 0;  // of these, what goes to memory; in backward, gradients that do
  ChainSet way = 0;      // of backward
  ChainSet one = 0;      // known ones that are a single number
  bool one_grad = false;
  const T* from[kMost] = {};
  const T* grad = nullptr;
  T* to[kMost] = {};

  explicit Program(const Chain& chain) : inputs(static_cast<int>(chain.inputs)) {
    for (const ChainStep& step : chain.steps) {
      const Activation& f = step.op.f;
      const Activation& slope = step.op.slope;
      steps[count++] = {
          step.op.kind,
          f.kind,
          step.a,
          step.b,
          {static_cast<F>(f.a), static_cast<F>(f.b), static_cast<F>(f.c)},
          {static_cast<F>(slope.a), static_cast<F>(slope.b), static_cast<F>(slope.c)}};
    }
  }
};

// Not inlined: a kernel would hold each formula several times.
template <typename F>
__device__ NW_CALLED F activated(ActivationKind kind, F x, F a, F b, F c) {
  return activation_of(kind, x, a, b, c);
}
template <typename F>
__device__ NW_CALLED F activation_slope(ActivationKind kind, F grad, F x, F a, F b, F c) {
  return activation_grad_of(kind, grad, x, a, b, c);
}

/// A product that is never joined with a sum behind it, as it is not when each op is a kernel.
__device__ __forceinline__ float product(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
__device__ __forceinline__ double product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

/// What a thread holds of the chain's values, or of their gradients: kLanes elements of each.
template <typename T, int kMost, int kLanes>
struct Registers {
  using F = Wide<T>;
  F items[kMost][kLanes];

  __device__ __forceinline__ void get(int value, F* out) const {
    NW_UNROLLED
    for (int j = 0; j < kLanes; ++j) {
      out[j] = items[0][j];
      NW_UNROLLED
      for (int k = 1; k < kMost; ++k) out[j] = k == value ? items[k][j] : out[j];
    }
  }
  __device__ __forceinline__ void put(int value, const F* in) {
    NW_UNROLLED
    for (int k = 0; k < kMost; ++k) {
      NW_UNROLLED
      for (int j = 0; j < kLanes; ++j) items[k][j] = k == value ? in[j] : items[k][j];
    }
  }
};

template <int kLanes, typename Body>
__device__ __forceinline__ void for_lanes(const Body& body) {
  NW_UNROLLED
  for (int j = 0; j < kLanes; ++j) body(j);
}

/// As memory would have rounded it between two ops.
template <typename T>
__device__ __forceinline__ Wide<T> rounded(Wide<T> x) {
  return widen(narrow<T>(x));
}

template <typename T, int kMost, int kLanes>
__device__ __forceinline__ void make_values(const Program<T, kMost>& program,
                                            Registers<T, kMost, kLanes>& values) {
  using F = Wide<T>;
  NW_ROLLED
  for (int i = 0; i < program.count; ++i) {
    const int result = program.inputs + i;
    if (!holds(program.made, static_cast<size_t>(result))) continue;
    const Step<F>& step = program.steps[i];
    F a[kLanes];
    F b[kLanes];
    values.get(step.a, a);
    switch (step.kind) {
      case ElementKind::Add:
        values.get(step.b, b);
        for_lanes<kLanes>([&](int j) { a[j] = a[j] + b[j]; });
        break;
      case ElementKind::Mul:
        values.get(step.b, b);
        for_lanes<kLanes>([&](int j) { a[j] = product(a[j], b[j]); });
        break;
      case ElementKind::Relu:
        for_lanes<kLanes>([&](int j) { a[j] = unary_of(UnaryOp::Relu, a[j]); });
        break;
      case ElementKind::Tanh:
        for_lanes<kLanes>([&](int j) { a[j] = unary_of(UnaryOp::Tanh, a[j]); });
        break;
      case ElementKind::Sigmoid:
        for_lanes<kLanes>([&](int j) { a[j] = unary_of(UnaryOp::Sigmoid, a[j]); });
        break;
      default:
        for_lanes<kLanes>([&](int j) {
          a[j] =
              activated(step.activation, a[j], step.numbers[0], step.numbers[1], step.numbers[2]);
        });
    }
    for_lanes<kLanes>([&](int j) { a[j] = rounded<T>(a[j]); });
    values.put(result, a);
  }
}

/// From the result's gradient, which is there, to the inputs'. Each value is taken by one step, so
/// that nothing is added up.
template <typename T, int kMost, int kLanes>
__device__ __forceinline__ void make_grads(const Program<T, kMost>& program,
                                           const Registers<T, kMost, kLanes>& values,
                                           Registers<T, kMost, kLanes>& grads) {
  using F = Wide<T>;
  NW_ROLLED
  for (int i = program.count - 1; i >= 0; --i) {
    const int result = program.inputs + i;
    if (!holds(program.way, static_cast<size_t>(result))) continue;
    const Step<F>& step = program.steps[i];
    const bool to_a = holds(program.way, static_cast<size_t>(step.a));
    F grad[kLanes];
    F x[kLanes];
    grads.get(result, grad);
    if (step.kind == ElementKind::Add || step.kind == ElementKind::Mul) {
      const bool to_b = holds(program.way, static_cast<size_t>(step.b));
      F part[kLanes];
      const auto send = [&](int to, int factor) {
        for_lanes<kLanes>([&](int j) { part[j] = grad[j]; });
        if (step.kind == ElementKind::Mul) {
          values.get(factor, x);
          for_lanes<kLanes>([&](int j) { part[j] = rounded<T>(product(grad[j], x[j])); });
        }
        grads.put(to, part);
      };
      if (to_a) send(step.a, step.b);
      if (to_b) send(step.b, step.a);
      continue;
    }
    values.get(step.kind == ElementKind::Activation ? step.a : result, x);
    switch (step.kind) {
      case ElementKind::Relu:
        for_lanes<kLanes>([&](int j) { grad[j] = binary_of(BinaryOp::ReluGrad, grad[j], x[j]); });
        break;
      case ElementKind::Tanh:
        for_lanes<kLanes>([&](int j) { grad[j] = binary_of(BinaryOp::TanhGrad, grad[j], x[j]); });
        break;
      case ElementKind::Sigmoid:
        for_lanes<kLanes>(
            [&](int j) { grad[j] = binary_of(BinaryOp::SigmoidGrad, grad[j], x[j]); });
        break;
      default:
        for_lanes<kLanes>([&](int j) {
          grad[j] = activation_slope(step.activation, grad[j], x[j], step.slope[0], step.slope[1],
                                     step.slope[2]);
        });
    }
    for_lanes<kLanes>([&](int j) { grad[j] = rounded<T>(grad[j]); });
    grads.put(step.a, grad);
  }
}

/// The work on kLanes elements; `load` and `store` know where they lie.
template <bool kBackward, typename T, int kMost, int kLanes, typename Load, typename LoadGrad,
          typename Store>
__device__ __forceinline__ void run_program(const Program<T, kMost>& program, const Load& load,
                                            const LoadGrad& load_grad, const Store& store) {
  Registers<T, kMost, kLanes> values{};
  NW_UNROLLED
  for (int k = 0; k < kMost; ++k) {
    if (holds(program.known, static_cast<size_t>(k))) load(k, values.items[k]);
  }
  make_values(program, values);
  if constexpr (kBackward) {
    Registers<T, kMost, kLanes> grads{};
    Wide<T> grad[kLanes];
    load_grad(grad);
    grads.put(program.inputs + program.count - 1, grad);
    make_grads(program, values, grads);
    values = grads;
  }
  NW_UNROLLED
  for (int k = 0; k < kMost; ++k) {
    if (holds(program.written, static_cast<size_t>(k))) store(k, values.items[k]);
  }
}

/// All operands dense, or single numbers. `packed`: they begin at multiples of 16 bytes.
template <bool kBackward, typename T, int kMost>
__global__ void dense_chain_kernel(Program<T, kMost> program, int64_t count, bool packed) {
  using F = Wide<T>;
  constexpr int kItems = Pack<T>::kItems;
  const int64_t packs = packed ? count / kItems : 0;
  for (int64_t i = thread_number(); i < packs; i += thread_count()) {
    const auto spread = [&](const T* from, bool one, F* out) {
      if (one) {
        for_lanes<kItems>([&](int j) { out[j] = widen(*from); });
      } else {
        const Pack<T> pack = reinterpret_cast<const Pack<T>*>(from)[i];
        for_lanes<kItems>([&](int j) { out[j] = widen(pack.items[j]); });
      }
    };
    run_program<kBackward, T, kMost, kItems>(
        program,
        [&](int k, F* out) {
          spread(program.from[k], holds(program.one, static_cast<size_t>(k)), out);
        },
        [&](F* out) { spread(program.grad, program.one_grad, out); },
        [&](int k, const F* in) {
          Pack<T> pack;
          for_lanes<kItems>([&](int j) { pack.items[j] = narrow<T>(in[j]); });
          reinterpret_cast<Pack<T>*>(program.to[k])[i] = pack;
        });
  }
  for (int64_t i = packs * kItems + thread_number(); i < count; i += thread_count()) {
    run_program<kBackward, T, kMost, 1>(
        program,
        [&](int k, F* out) {
          *out = widen(program.from[k][holds(program.one, static_cast<size_t>(k)) ? 0 : i]);
        },
        [&](F* out) { *out = widen(program.grad[program.one_grad ? 0 : i]); },
        [&](int k, const F* in) { program.to[k][i] = narrow<T>(*in); });
  }
}

/// Operands of any strides: the values, the gradient, what is written.
template <bool kBackward, typename T, int kMost>
__global__ void strided_chain_kernel(Program<T, kMost> program, Layout<kMost + 2> layout,
                                     uint32_t count) {
  using F = Wide<T>;
  for (int64_t i = thread_number(); i < count; i += thread_count()) {
    const Offsets<kMost + 2> at = layout(static_cast<uint32_t>(i));
    run_program<kBackward, T, kMost, 1>(
        program, [&](int k, F* out) { *out = widen(program.from[k][at.at[k]]); },
        [&](F* out) { *out = widen(program.grad[at.at[kMost]]); },
        [&](int k, const F* in) { program.to[k][at.at[kMost + 1]] = narrow<T>(*in); });
  }
}

/// grad is undefined in forward; written: one for each value. False, and nothing done: operands of
/// any strides, for which there is only the kernel for chains of any size.
template <bool kBackward, typename T, int kMost>
bool run(const Chain& chain, const Tensor& grad, std::span<const Tensor> known,
         std::span<const Tensor> written) {
  Program<T, kMost> program(chain);
  const Tensor& like = *std::find_if(written.begin(), written.end(),
                                     [](const Tensor& tensor) { return tensor.defined(); });
  typename Nest<kMost + 2>::Strides strides;
  strides.fill(like.strides());
  bool packed = true;
  const auto note = [&](int operand, const Tensor& tensor) {
    strides[operand] = tensor.strides();
    return numbers<T>(tensor);
  };
  for (size_t k = 0; k < known.size(); ++k) {
    if (!known[k].defined()) continue;
    program.known |= only(k);
    program.from[k] = note(static_cast<int>(k), known[k]);
  }
  for (size_t k = 0; k < written.size(); ++k) {
    if (!written[k].defined()) continue;
    program.written |= only(k);
    program.to[k] = numbers<T>(written[k]);
    packed = packed && is_packable(program.to[k]);
  }
  if constexpr (kBackward) {
    program.grad = note(kMost, grad);
    program.way = on_the_way(chain, program.written);
    program.made = recall(chain, program.known, read_on_the_way(chain, program.way)).made;
  } else {
    program.made = recall(chain, program.known, program.written).made;
  }

  const Nest<kMost + 2> nest(like.sizes(), strides);
  bool dense = nest.is_dense(kMost + 1);
  for (size_t k = 0; k < known.size(); ++k) {
    if (!holds(program.known, k)) continue;
    const bool one = nest.is_one(static_cast<int>(k));
    if (one) program.one |= only(k);
    dense = dense && (one || nest.is_dense(static_cast<int>(k)));
    packed = packed && (one || is_packable(program.from[k]));
  }
  if constexpr (kBackward) {
    program.one_grad = nest.is_one(kMost);
    dense = dense && (program.one_grad || nest.is_dense(kMost));
    packed = packed && (program.one_grad || is_packable(program.grad));
  }
  if (dense) {
    const int64_t count = like.numel();
    launch(dense_chain_kernel<kBackward, T, kMost>,
           blocks_for(count / (packed ? Pack<T>::kItems : 1)), kThreads, 0, program, count, packed);
    return true;
  }
  if constexpr (kMost < static_cast<int>(Chain::kMostValues)) {
    return false;
  } else {
    nest.for_pieces([&](const Layout<kMost + 2>& layout, uint32_t count) {
      launch(strided_chain_kernel<kBackward, T, kMost>, blocks_for(count), kThreads, 0, program,
             layout, count);
    });
    return true;
  }
}

template <bool kBackward>
void run(const Chain& chain, const Tensor& grad, std::span<const Tensor> known,
         std::span<const Tensor> written, DType dtype) {
  with_real(dtype, [&](auto type) {
    using T = decltype(type);
    const bool few = chain.values() <= kFewValues;
    if (few && run<kBackward, T, kFewValues>(chain, grad, known, written)) return;
    run<kBackward, T, static_cast<int>(Chain::kMostValues)>(chain, grad, known, written);
  });
}

void forward(const Chain& chain, std::span<const Tensor> inputs, std::span<const Tensor> values) {
  std::array<Tensor, Chain::kMostValues> written;
  std::copy(values.begin(), values.end(), written.begin() + static_cast<ptrdiff_t>(chain.inputs));
  run<false>(chain, Tensor(), inputs, std::span(written).first(chain.values()), inputs[0].dtype());
}

void backward(const Chain& chain, const Tensor& grad, std::span<const Tensor> values,
              std::span<const Tensor> grads) {
  run<true>(chain, grad, values, grads, grad.dtype());
}

}  // namespace

const ChainKernels kChainKernels{
    .forward = forward,
    .backward = backward,
    .linear = activated_linear,
};

}  // namespace nw::cuda
