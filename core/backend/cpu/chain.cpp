#include "core/backend/cpu/chain.h"

#include <algorithm>
#include <array>

#include "core/backend/chain_plan.h"
#include "core/backend/cpu/activation_parts.h"
#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/walk.h"

// Chains go through memory a block at a time, each step over a block that the step before has left
// in the processor's first cache, by the loops that run the ops one by one, too.
namespace nw::cpu {
namespace {

constexpr size_t kBufferBytes = 4096;
constexpr size_t kValues = Chain::kMostValues;

/// In what numbers those of memory are computed.
template <typename S>
using Wide = std::conditional_t<std::is_same_v<S, double>, double, float>;

template <typename T>
struct Numbers {
  const T* at = nullptr;
  int64_t stride = 1;
};

template <typename T>
struct Buffers {
  static constexpr int64_t kLength = kBufferBytes / sizeof(T);
  alignas(64) T rows[2 * kValues + 1][kLength];
};

/// What lies in memory, as the loops take it: where it is, or in a buffer; side by side, or one
/// number for all.
template <typename S>
Numbers<Wide<S>> load(const S* from, int64_t stride, int64_t count, Wide<S>* buffer) {
  if constexpr (std::is_same_v<S, Wide<S>>) {
    if (stride == 0 || stride == 1) return {from, stride};
  }
  const int64_t wanted = stride == 0 ? 1 : count;
  for (int64_t i = 0; i < wanted; ++i) buffer[i] = convert<Wide<S>>(from[i * stride]);
  return {buffer, stride == 0 ? 0 : 1};
}

UnaryOp unary_of(ElementKind kind) {
  return kind == ElementKind::Relu   ? UnaryOp::Relu
         : kind == ElementKind::Tanh ? UnaryOp::Tanh
                                     : UnaryOp::Sigmoid;
}

BinaryOp slope_of(ElementKind kind) {
  return kind == ElementKind::Relu   ? BinaryOp::ReluGrad
         : kind == ElementKind::Tanh ? BinaryOp::TanhGrad
                                     : BinaryOp::SigmoidGrad;
}

/// One call of a kernel; S is how numbers lie in memory.
template <typename S>
class Pass {
 public:
  using T = Wide<S>;

  Pass(const Chain& chain, const Tensor& like) : chain_(chain), like_(like) {
    const auto per_block = static_cast<int64_t>(kBlockBytes / sizeof(T));
    rest_ = like.numel() - like.numel() % per_block;
    strides_.fill(&like.strides());
  }

  void read_value(size_t value, const Tensor& tensor) {
    lie_at(value, tensor);
    known_[value] = static_cast<const S*>(tensor.raw());
  }
  void read_grad(const Tensor& tensor) {
    lie_at(kValues, tensor);
    grad_ = static_cast<const S*>(tensor.raw());
  }
  void write_value(size_t value, const Tensor& tensor) {
    made_ |= only(value);
    values_[value] = static_cast<S*>(tensor.raw());
  }
  void write_grad(size_t value, const Tensor& tensor) {
    wanted_ |= only(value);
    grads_[value] = static_cast<S*>(tensor.raw());
  }

  /// Works out the values that are written.
  void forward() {
    made_ = recall(chain_, 0, made_).made;
    run([this](Block& block) { make_values(block); });
  }

  /// Works out the gradients that are written.
  void backward() {
    way_ = on_the_way(chain_, wanted_);
    ChainSet known = 0;
    for (size_t i = 0; i < kValues; ++i) known |= known_[i] != nullptr ? only(i) : 0;
    made_ = recall(chain_, known, read_on_the_way(chain_, way_)).made;
    run([this](Block& block) {
      make_values(block);
      make_grads(block);
    });
  }

 private:
  static constexpr size_t kOperands = kValues + 2;  // values, the gradient, what is written

  /// A stretch of places: where it begins in each operand, and what is known of its numbers.
  struct Block {
    Buffers<T>& buffers;
    std::array<int64_t, kOperands> at;
    std::array<int64_t, kOperands> strides;
    int64_t count;
    std::array<Numbers<T>, kValues> values = {};

    int64_t place() const { return at[kValues + 1]; }
  };

  void lie_at(size_t operand, const Tensor& tensor) {
    strides_[operand] = &tensor.strides();
    alike_ = alike_ && tensor.strides() == like_.strides();
  }

  template <typename Body>
  void run(const Body& body) const {
    using Places = std::array<int64_t, kOperands>;
    const bool heavy =
        std::any_of(chain_.steps.begin(), chain_.steps.end(), [](const ChainStep& step) {
          return !step.op.takes_two() && step.op.kind != ElementKind::Relu;
        });
    const int64_t grain = heavy ? kHeavyGrain : kGrain;
    const auto row = [&](const Places& start, const Places& strides, int64_t length) {
      Buffers<T> buffers;
      for (int64_t begin = 0; begin < length; begin += Buffers<T>::kLength) {
        Block block{buffers, start, strides, std::min(length - begin, Buffers<T>::kLength)};
        for (size_t k = 0; k < kOperands; ++k) block.at[k] += begin * strides[k];
        body(block);
      }
    };
    if (alike_) {
      Places ones;
      ones.fill(1);
      parallel_for(like_.numel(), grain, [&](int64_t begin, int64_t end) {
        Places start;
        start.fill(begin);
        row(start, ones, end - begin);
      });
      return;
    }
    const auto walk = ordered_walk<kOperands>(like_.sizes(), strides_);
    parallel_walk(walk, grain,
                  [&](const Places& start, int64_t length) { row(start, walk.strides(), length); });
  }

  void load_known(Block& block) const {
    for (size_t i = 0; i < chain_.values(); ++i) {
      if (known_[i] == nullptr) continue;
      block.values[i] =
          load(known_[i] + block.at[i], block.strides[i], block.count, block.buffers.rows[i]);
    }
  }

  void make_values(Block& block) const {
    load_known(block);
    for (size_t i = 0; i < chain_.steps.size(); ++i) {
      const size_t value = chain_.inputs + i;
      if (!holds(made_, value)) continue;
      S* memory = values_[value] != nullptr ? values_[value] + block.place() : nullptr;
      T* out = row_for(memory, block.buffers.rows[value]);
      apply(chain_.steps[i], block, out);
      const bool is_last = value + 1 == chain_.values();
      finish(out, memory, block.count, {is_exact(chain_.steps[i].op), !is_last || wanted_ != 0});
      block.values[value] = {out, 1};
    }
  }

  /// Where a loop writes what shall be in `memory`, or nowhere.
  static T* row_for(S* memory, T* buffer) {
    if constexpr (std::is_same_v<S, T>) {
      if (memory != nullptr) return memory;
    }
    return buffer;
  }

  /// What is known of an op's results: they need no rounding; someone reads them later.
  struct Use {
    bool exact, read;
  };

  static bool is_exact(const ElementOp& op) { return op.kind == ElementKind::Relu; }

  /// Rounds what an op left as memory rounds it.
  static void finish(T* row, S* memory, int64_t count, Use use) {
    if constexpr (!std::is_same_v<S, T>) {
      if (memory != nullptr) {
        for (int64_t i = 0; i < count; ++i) memory[i] = convert<S>(row[i]);
        if (use.exact || !use.read) return;
        for (int64_t i = 0; i < count; ++i) row[i] = convert<T>(memory[i]);
      } else if (!use.exact) {
        for (int64_t i = 0; i < count; ++i) row[i] = convert<T>(convert<S>(row[i]));
      }
    }
  }

  static void apply(const ChainStep& step, const Block& block, T* out) {
    const Numbers<T>& a = block.values[step.a];
    if (step.op.takes_two()) {
      const Numbers<T>& b = block.values[step.b];
      const BinaryOp op = step.op.kind == ElementKind::Add ? BinaryOp::Add : BinaryOp::Mul;
      fast<T>().binary(op, a.at, a.stride, b.at, b.stride, out, block.count);
    } else if (step.op.kind == ElementKind::Activation) {
      fast<T>().activation->forward(step.op.f, a.at, out, block.count);
    } else {
      fast<T>().unary(unary_of(step.op.kind), a.at, a.stride, out, block.count);
    }
  }

  /// From the result to the inputs; each value is taken once, so that nothing is added up.
  void make_grads(Block& block) const {
    std::array<const T*, kValues> grads{};
    grads[chain_.values() - 1] = incoming(block);
    for (size_t i = chain_.steps.size(); i-- > 0;) {
      const T* grad = grads[chain_.inputs + i];
      if (!holds(way_, chain_.inputs + i)) continue;
      const ChainStep& step = chain_.steps[i];
      if (holds(way_, step.a)) grads[step.a] = grad_of(i, step.a, step.b, grad, block);
      if (step.op.takes_two() && holds(way_, step.b)) {
        grads[step.b] = grad_of(i, step.b, step.a, grad, block);
      }
    }
  }

  const T* incoming(Block& block) const {
    T* buffer = block.buffers.rows[2 * kValues];
    const S* from = grad_ + block.at[kValues];
    const int64_t stride = block.strides[kValues];
    if constexpr (std::is_same_v<S, T>) {
      if (stride == 1) return from;
    }
    for (int64_t i = 0; i < block.count; ++i) buffer[i] = convert<T>(from[i * stride]);
    return buffer;
  }

  /// The gradient of `value`, which step number i takes (beside `other`), from that of its result.
  const T* grad_of(size_t i, size_t value, size_t other, const T* grad, Block& block) const {
    const ChainStep& step = chain_.steps[i];
    S* memory = grads_[value] != nullptr ? grads_[value] + block.place() : nullptr;
    if (step.op.kind == ElementKind::Add && memory == nullptr) return grad;
    T* out = row_for(memory, block.buffers.rows[kValues + value]);
    switch (step.op.kind) {
      case ElementKind::Add:
        std::copy_n(grad, block.count, out);
        break;
      case ElementKind::Mul: {
        const Numbers<T>& factor = block.values[other];
        fast<T>().binary(BinaryOp::Mul, grad, 1, factor.at, factor.stride, out, block.count);
        break;
      }
      case ElementKind::Activation:
        slope(step.op.slope, grad, block.values[value].at, out, block);
        break;
      default: {
        const Numbers<T>& result = block.values[chain_.inputs + i];
        fast<T>().binary(slope_of(step.op.kind), grad, 1, result.at, result.stride, out,
                         block.count);
      }
    }
    finish(out, memory, block.count, {is_exact(step.op), value >= chain_.inputs});
    return out;
  }

  void slope(const Activation& f, const T* grad, const T* x, T* out, const Block& block) const {
    const int64_t blocks = std::clamp(rest_ - block.place(), int64_t{0}, block.count);
    const auto part = [&](int64_t begin, int64_t end, Share share) {
      if (begin == end) return;
      fast<T>().activation->backward(f, grad + begin, x + begin, out + begin, end - begin, share);
    };
    part(0, blocks, Share::Blocks);
    part(blocks, block.count, Share::Rest);
  }

  const Chain& chain_;
  const Tensor& like_;  // of the order of what is written
  int64_t rest_;        // where the last places begin that fill no block of 64 bytes
  std::array<const Dims*, kOperands> strides_;
  bool alike_ = true;  // all that is read lies as what is written
  std::array<const S*, kValues> known_{};
  const S* grad_ = nullptr;
  std::array<S*, kValues> values_{};
  std::array<S*, kValues> grads_{};
  ChainSet made_ = 0;
  ChainSet wanted_ = 0;
  ChainSet way_ = 0;
};

template <typename Body>
void with_stored(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::Float64:
      return body(double());
    case DType::Float16:
      return body(Half());
    case DType::BFloat16:
      return body(BFloat16());
    default:
      return body(float());
  }
}

const Tensor& first_defined(std::span<const Tensor> tensors) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [](const Tensor& tensor) { return tensor.defined(); });
}

void forward(const Chain& chain, std::span<const Tensor> inputs, std::span<const Tensor> values) {
  const Tensor& like = first_defined(values);
  with_stored(like.dtype(), [&](auto type) {
    Pass<decltype(type)> pass(chain, like);
    for (size_t i = 0; i < inputs.size(); ++i) pass.read_value(i, inputs[i]);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].defined()) pass.write_value(chain.inputs + i, values[i]);
    }
    pass.forward();
  });
}

void backward(const Chain& chain, const Tensor& grad, std::span<const Tensor> values,
              std::span<const Tensor> grads) {
  const Tensor& like = first_defined(grads);
  with_stored(like.dtype(), [&](auto type) {
    Pass<decltype(type)> pass(chain, like);
    pass.read_grad(grad);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].defined()) pass.read_value(i, values[i]);
    }
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].defined()) pass.write_grad(i, grads[i]);
    }
    pass.backward();
  });
}

}  // namespace

constexpr ChainKernels kChainKernels{
    .forward = forward,
    .backward = backward,
    .linear = activated_linear,
};

}  // namespace nw::cpu
